"""Takes the ``aws-chunked`` framing off a body, so that what is stored and journalled is plain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.aws.wire import AwsRequest

_FRAMED = "STREAMING-"
_FRAMING_HEADERS = frozenset(
    {"content-encoding", "content-length", "x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer"}
)


class BrokenChunks(ValueError):
    """The framing cannot be followed, or does not hold as many bytes as was said."""


def plain(request: AwsRequest) -> AwsRequest:
    """The request with its body unframed and its trailing checksum as an ordinary header.

    Raises:
        BrokenChunks: The body does not keep to its framing.
    """
    if not request.header("x-amz-content-sha256").startswith(_FRAMED):
        return request
    body, trailers = _unframed(request.body)
    stated = request.header("x-amz-decoded-content-length")
    if stated and stated != str(len(body)):
        raise BrokenChunks(f"The body has {len(body)} bytes, x-amz-decoded-content-length says {stated}.")
    headers = [(name, value) for name, value in request.headers if name not in _FRAMING_HEADERS]
    encodings = [part.strip() for part in request.header("content-encoding").split(",")]
    if kept := ",".join(part for part in encodings if part and part != "aws-chunked"):
        headers.append(("content-encoding", kept))
    headers += [("content-length", str(len(body))), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]
    headers += [(name, value) for name, value in trailers if name.startswith("x-amz-checksum-")]
    return replace(request, headers=tuple(headers), body=body)


def _unframed(body: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    chunks: list[bytes] = []
    position = 0
    while True:
        end = body.find(b"\r\n", position)
        if end < 0:
            raise BrokenChunks("The body ends before its last chunk.")
        n_bytes = _size(body[position:end])
        position = end + 2
        if n_bytes == 0:
            return b"".join(chunks), _trailers(body[position:])
        chunk = body[position : position + n_bytes]
        if len(chunk) < n_bytes or body[position + n_bytes : position + n_bytes + 2] != b"\r\n":
            raise BrokenChunks("A chunk is not as long as it says.")
        chunks.append(chunk)
        position += n_bytes + 2


def _size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    try:
        size = int(digits, 16)
    except ValueError:
        raise BrokenChunks(f"{digits[:20]!r} is not the size of a chunk.") from None
    if size < 0:
        raise BrokenChunks(f"{size} is not the size of a chunk.")
    return size


def _trailers(rest: bytes) -> list[tuple[str, str]]:
    lines = (line.partition(":") for line in rest.decode("latin-1").split("\r\n") if ":" in line)
    return [(name.strip().lower(), value.strip()) for name, _, value in lines]
