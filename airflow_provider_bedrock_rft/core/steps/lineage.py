"""Manifests in the object store."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import canonical_json, dump, load
from airflow_provider_bedrock_rft.core.errors import InvalidPayload
from airflow_provider_bedrock_rft.core.lineage.graph import Lineage
from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.ports import ObjectStore

_N_READERS = 16


def write_manifest(objects: ObjectStore, manifest: Manifest, *, artifacts_uri: str) -> str:
    """Store a stage's manifest; returns its URI. A retry that did the same overwrites its own."""
    uri = f"{_folder(artifacts_uri)}{manifest.path}"
    objects.put_bytes(uri, canonical_json(dump(manifest)))
    return uri


def load_lineage(objects: ObjectStore, *, artifacts_uri: str, pipeline: str = "") -> Lineage:
    """Every manifest below ``artifacts_uri``, or those of one pipeline.

    Raises:
        InvalidPayload: A manifest cannot be read; its URI is named.
    """
    prefix = _folder(artifacts_uri) + (f"{pipeline}/" if pipeline else "")
    uris = sorted(uri for uri in objects.list(prefix) if uri.endswith(".json"))
    with ThreadPoolExecutor(max_workers=_N_READERS, thread_name_prefix="rft-lineage") as pool:
        return Lineage(_parse(uri, text) for uri, text in zip(uris, pool.map(objects.get, uris), strict=True))


def _folder(artifacts_uri: str) -> str:
    return f"{artifacts_uri.rstrip('/')}/lineage/"


def _parse(uri: str, text: bytes) -> Manifest:
    try:
        return load(Manifest, json.loads(text))
    except (ValueError, InvalidPayload) as error:
        raise InvalidPayload(f"{uri} is no manifest: {error}", action="Move the object elsewhere.") from None
