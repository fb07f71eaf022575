"""Names the operation of a request, and tells whether it writes."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from botocore.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.emulator.aws.wire import AwsRequest

SERVICES: Mapping[str, str] = {
    "s3": "s3",
    "iam": "iam",
    "sts": "sts",
    "lambda": "lambda",
    "ssm": "ssm",
    "monitoring": "cloudwatch",
    "logs": "logs",
    "sns": "sns",
    "sqs": "sqs",
    "events": "events",
}
"""Signing names that are served, and botocore's names for them."""

_READS = re.compile(
    r"(Get|List|Describe|Head|Lookup|Filter|Simulate|Receive|Select|Test|Check|Preview|Generate|StartQuery)"
)
_MOTOS_OWN = ("/moto-api", "/latest/meta-data/", "/latest/api/")
_S3_UNSUPPORTED = frozenset(
    {
        "analytics", "intelligent-tiering", "inventory", "metrics", "metadataConfiguration", "metadataTable", "abac",
        "metadataInventoryTable", "metadataJournalTable", "annotation", "torrent", "select", "session", "renameObject",
        "encryption-update",
    }
)  # fmt: skip


def name_of(service: str, request: AwsRequest) -> str:
    """The operation's name as the vendor's model has it, or the method and path where there is none."""
    if target := request.header("x-amz-target"):
        return target.rpartition(".")[2]
    if service == "s3":
        return _s3_name(request)
    if service == "lambda":
        return _rest_name(service, request)
    fields = parse_qs(request.body.decode("utf-8", "replace")) or parse_qs(request.query)
    return fields.get("Action", [f"{request.method} {request.raw_path}"])[0]


def is_write(operation: str) -> bool:
    """True unless the name says that it only reads."""
    return _READS.match(operation) is None


def is_supported(service: str, operation: str, request: AwsRequest) -> bool:
    """False for what the mounted implementation would answer with an empty or wrong success."""
    if request.raw_path.startswith(_MOTOS_OWN):
        return False
    if service == "s3":
        return not _S3_UNSUPPORTED & {part.partition("=")[0] for part in request.query.split("&")}
    return service in SERVICES and " " not in operation


def s3_place(request: AwsRequest) -> tuple[str, str]:
    """Bucket and key of a path-style request; either may be empty."""
    bucket, _, key = request.raw_path.lstrip("/").partition("/")
    return unquote(bucket), unquote(key)


def subresources(request: AwsRequest) -> set[str]:
    """The names in a query."""
    return {part.partition("=")[0] for part in request.query.split("&") if part}


def _s3_name(request: AwsRequest) -> str:
    bucket, key = s3_place(request)
    names = subresources(request)
    level = "key" if key else "bucket" if bucket else "service"
    if special := _s3_special(request, level, names):
        return special
    found = [operation for name, operation in _s3_table().get((request.method, level), ()) if name in names]
    if found:
        lists = [operation for operation in found if operation.startswith("List")]
        return lists[0] if lists and "id" not in names else found[0]
    plain = {
        ("PUT", "key"): "PutObject", ("GET", "key"): "GetObject", ("HEAD", "key"): "HeadObject",
        ("DELETE", "key"): "DeleteObject", ("PUT", "bucket"): "CreateBucket", ("HEAD", "bucket"): "HeadBucket",
        ("DELETE", "bucket"): "DeleteBucket", ("GET", "bucket"): "ListObjects", ("GET", "service"): "ListBuckets",
        ("POST", "bucket"): "PostObject",
    }  # fmt: skip
    return plain.get((request.method, level), f"{request.method} {request.raw_path}")


def _s3_special(request: AwsRequest, level: str, names: set[str]) -> str:
    copies = bool(request.header("x-amz-copy-source"))
    if level == "bucket" and request.method == "GET" and "list-type" in names:
        return "ListObjectsV2"
    if level != "key":
        return ""
    if "uploadId" in names:
        part = "UploadPartCopy" if copies else "UploadPart"
        by_method = {
            "PUT": part, "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload", "GET": "ListParts",
        }  # fmt: skip
        return by_method.get(request.method, "")
    return "CopyObject" if copies and request.method == "PUT" else ""


@cache
def _s3_table() -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Method and level -> query names that make an operation, from the service's model."""
    table: dict[tuple[str, str], list[tuple[str, str]]] = {}
    model = Session().get_service_model("s3")
    for operation in model.operation_names:
        http = model.operation_model(operation).http
        path, _, query = http["requestUri"].partition("?")
        level = "key" if "{Key+}" in path else "bucket" if "{Bucket}" in path else "service"
        if query:
            table.setdefault((http["method"], level), []).append((query.partition("&")[0].partition("=")[0], operation))
    return table


def _rest_name(service: str, request: AwsRequest) -> str:
    path = request.raw_path.rstrip("/")
    for method, pattern, operation in _rest_table(service):
        if method == request.method and pattern.fullmatch(path):
            return operation
    return f"{request.method} {request.raw_path}"


@cache
def _rest_table(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    model = Session().get_service_model(SERVICES[service])
    table = []
    for operation in model.operation_names:
        http = model.operation_model(operation).http
        path = http["requestUri"].partition("?")[0].rstrip("/")
        table.append((http["method"], re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path))), operation))
    return sorted(table, key=lambda row: row[1].pattern.count("[^/]+"))
