"""Which earlier writes a write makes meaningless, so that the journal does not grow with what is gone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from airflow_provider_bedrock_rft.emulator.aws.operations import s3_place, subresources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_bedrock_rft.emulator.aws.wire import AwsReply, AwsRequest

_CAPPED = frozenset({"PutMetricData", "PutLogEvents", "CreateLogStream", "AssumeRole", "AssumeRoleWithWebIdentity"})
_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")
_DELETED_KEY = re.compile(rb"<Deleted>.*?<Key>([^<]*)</Key>.*?</Deleted>", re.DOTALL)
# Per service: the parameters that name what a write is about, and the operations that end its existence.
_NAMED: Mapping[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "iam": (("RoleName", "UserName", "GroupName", "InstanceProfileName"), frozenset({"DeleteRole", "DeleteUser"})),
    "ssm": (("Name", "ResourceId"), frozenset({"DeleteParameter"})),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Where a write lands.

    ``key`` is what it is about and ``source`` what it copies from; ``upload`` ties the parts of a multipart upload
    together. Earlier writes about (or below) ``replaces`` and of the upload ``aborts`` mean nothing any more. With
    ``is_kept`` false the write itself then means nothing either. Capped keys keep only their newest writes.
    ``settles`` are the ids of queue messages that are gone for good.
    """

    key: str = ""
    source: str = ""
    upload: str = ""
    replaces: tuple[str, ...] = ()
    aborts: str = ""
    is_kept: bool = True
    is_capped: bool = False
    settles: tuple[str, ...] = ()


def footprint_of(
    service: str, operation: str, owner: str, request: AwsRequest, reply: AwsReply, is_versioned: Callable[[str], bool]
) -> Footprint:
    """The footprint of a write that has succeeded. ``owner`` is account and region; buckets belong to all."""
    if operation in _CAPPED:
        return Footprint(key=f"{service}/{operation}", is_capped=True)
    match service:
        case "s3":
            return _s3(operation, request, reply, is_versioned)
        case "lambda":
            return _lambda(operation, owner, request)
        case "sqs":
            return _sqs(operation, owner, request, reply)
        case _:
            return _named(service, operation, owner, request)


def _s3(operation: str, request: AwsRequest, reply: AwsReply, is_versioned: Callable[[str], bool]) -> Footprint:
    bucket, key = s3_place(request)
    place = f"s3/{bucket}/{key}" if key else f"s3/{bucket}"
    if operation == "DeleteBucket":
        return Footprint(key=place, replaces=(place,), is_kept=False)
    if operation.endswith(("MultipartUpload", "UploadPart", "UploadPartCopy")):
        return _s3_upload(operation, place, request, reply, is_versioned=is_versioned(bucket))
    source = _copy_source(request)
    keeps_all = is_versioned(bucket) or source == place
    match operation:
        case "PutObject" | "CopyObject":
            return Footprint(key=place, source=source, replaces=() if keeps_all else (place,))
        case "DeleteObject":
            return Footprint(key=place, replaces=() if keeps_all else (place,), is_kept=keeps_all)
        case "DeleteObjects":
            gone = tuple(f"s3/{bucket}/{_unescaped(name)}" for name in _DELETED_KEY.findall(reply.body))
            return Footprint(key=place, replaces=() if keeps_all else gone, is_kept=keeps_all)
        case _:
            return Footprint(key=place)


def _s3_upload(operation: str, place: str, request: AwsRequest, reply: AwsReply, *, is_versioned: bool) -> Footprint:
    upload = _query_value(request, "uploadId")
    match operation:
        case "CreateMultipartUpload":
            found = _UPLOAD_ID.search(reply.body)
            return Footprint(key=place, upload=found.group(1).decode() if found else "")
        case "CompleteMultipartUpload":
            return Footprint(key=place, upload=upload, replaces=() if is_versioned else (place,))
        case "AbortMultipartUpload":
            return Footprint(key=place, aborts=upload, is_kept=False)
        case _:
            return Footprint(key=place, source=_copy_source(request), upload=upload)


def _lambda(operation: str, owner: str, request: AwsRequest) -> Footprint:
    parts = [unquote(part) for part in request.raw_path.strip("/").split("/")]
    document = _json(request.body)
    named = parts[2] if len(parts) > 2 else str(document.get("FunctionName", ""))
    name = named.partition(":function:")[2].partition(":")[0] or named.partition(":")[0]
    key = f"lambda/{owner}/{name}"
    code = document.get("Code", document)
    source = ""
    if isinstance(code, dict) and code.get("S3Bucket"):
        source = f"s3/{code['S3Bucket']}/{code.get('S3Key', '')}"
    if operation == "DeleteFunction" and "Qualifier" not in subresources(request):
        return Footprint(key=key, replaces=(key,), is_kept=False)
    return Footprint(key=key, source=source)


def of_deleted_messages(owner: str, queue: str, ids: tuple[str, ...]) -> Footprint:
    """The footprint of deleting messages: those sent directly need no trace, others must be kept from coming back."""
    places = tuple(f"sqs/{owner}/{queue}/messages/{message_id}" for message_id in ids)
    return Footprint(replaces=places, is_kept=False, settles=ids)


def _sqs(operation: str, owner: str, request: AwsRequest, reply: AwsReply) -> Footprint:
    document = _json(request.body)
    queue = str(document.get("QueueUrl") or document.get("QueueName", "")).rpartition("/")[2]
    key = f"sqs/{owner}/{queue}"
    match operation:
        case "SendMessage":
            return Footprint(key=f"{key}/messages/{_json(reply.body).get('MessageId', '')}")
        case "DeleteQueue":
            return Footprint(key=key, replaces=(key,), is_kept=False)
        case "PurgeQueue":
            return Footprint(key=key, replaces=(f"{key}/messages",))
        case _:
            return Footprint(key=key)


def _named(service: str, operation: str, owner: str, request: AwsRequest) -> Footprint:
    names, ends = _NAMED.get(service, ((), frozenset()))
    document = _json(request.body) if request.header("x-amz-target") else _form(request.body)
    name = next((f"{part}/{document[part]}" for part in names if document.get(part)), "")
    key = f"{service}/{owner}/{name}"
    if name and operation in ends:
        return Footprint(key=key, replaces=(key,), is_kept=False)
    return Footprint(key=key)


def _copy_source(request: AwsRequest) -> str:
    source = request.header("x-amz-copy-source")
    return f"s3/{unquote(source).partition('?')[0].lstrip('/')}" if source else ""


def _query_value(request: AwsRequest, name: str) -> str:
    return parse_qs(request.query).get(name, [""])[0]


def _unescaped(text: bytes) -> str:
    decoded = text.decode()
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#34;", '"'), ("&amp;", "&")):
        decoded = decoded.replace(entity, character)
    return decoded


def _json(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _form(body: bytes) -> dict[str, object]:
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
