"""Intents kept in S3: strongly consistent, the same on every Airflow version, and seen by every task."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.translate import translated
from airflow_provider_bedrock_rft.core.codec import canonical_json
from airflow_provider_bedrock_rft.core.errors import InvalidPayload, ResourceConflict, ResourceNotFound
from airflow_provider_bedrock_rft.core.identifiers import S3Uri

if TYPE_CHECKING:
    from collections.abc import Mapping


class S3Intents:
    """One small object per intent below a prefix; ``create`` is S3's conditional write (``If-None-Match: *``)."""

    def __init__(self, s3: Any, uri: str) -> None:  # noqa: ANN401 - boto3's client
        self._s3 = s3
        self._root = S3Uri.parse(uri)

    def read(self, key: str) -> Mapping[str, object] | None:
        """The document, ``None`` when there is none."""
        place = self._place(key)
        try:
            with translated(f"Read the intent s3://{place['Bucket']}/{place['Key']}"):
                text = self._s3.get_object(**place)["Body"].read()
        except ResourceNotFound as error:
            if error.details.get("code") == "NoSuchBucket":
                raise
            return None
        return _document_in(text, f"s3://{place['Bucket']}/{place['Key']}")

    def write(self, key: str, document: Mapping[str, object]) -> None:
        """Store the document durably before returning."""
        self._put(key, document)

    def create(self, key: str, document: Mapping[str, object]) -> bool:
        """Store the document unless there is one; a lost reply to a write that won is recognised by its content."""
        try:
            self._put(key, document, IfNoneMatch="*")
        except ResourceConflict:
            return bool(self.read(key) == json.loads(canonical_json(document)))
        return True

    def _put(self, key: str, document: Mapping[str, object], **condition: str) -> None:
        place = self._place(key)
        with translated(f"Write the intent s3://{place['Bucket']}/{place['Key']}"):
            body = canonical_json(document)
            self._s3.put_object(**place, Body=body, ContentType="application/json", **condition)

    def _place(self, key: str) -> dict[str, str]:
        uri = self._root.child(f"{key}.json")
        return {"Bucket": uri.bucket, "Key": uri.key}


def _document_in(text: bytes, place: str) -> Mapping[str, object]:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise InvalidPayload(
            f"The intent at {place} is not a JSON object.",
            action="Look in the console for a running job of this task, then delete the object.",
        )
    return document
