"""The framing of AWS event streams (``application/vnd.amazon.eventstream``): prelude, headers, payload, checksums."""

from __future__ import annotations

import struct
import zlib

from airflow_provider_bedrock_rft.emulator.exchange import Json, encode

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7


def event(kind: str, payload: Json) -> bytes:
    """One event with a JSON payload."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, encode(payload))


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One message; all headers are strings."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _header(name: str, value: str) -> bytes:
    raw, text = name.encode(), value.encode()
    return struct.pack("!B", len(raw)) + raw + struct.pack("!BH", _STRING, len(text)) + text
