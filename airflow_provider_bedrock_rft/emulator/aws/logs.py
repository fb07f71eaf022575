"""Function logs, readable through the CloudWatch Logs API and bounded: graders print a lot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.backends import get_backend

if TYPE_CHECKING:
    from collections.abc import MutableSequence
    from typing import Any

    from airflow_provider_bedrock_rft.emulator.functions import FunctionVersion

MAX_STREAMS = 64
MAX_EVENTS = 2000
MAX_LINE_CHARACTERS = 16_384


def write_function_log(function: FunctionVersion, stream: str, lines: list[str], *, now: float) -> None:
    """Append to the function's log group; the oldest streams and events give way."""
    backend = get_backend("logs")[function.account][function.region]
    group = f"/aws/lambda/{function.name}"
    backend.ensure_log_group(group)
    held = backend.groups[group]
    if stream not in held.streams:
        backend.create_log_stream(group, stream)
        for oldest in list(held.streams)[:-MAX_STREAMS]:
            del held.streams[oldest]
    events = [{"timestamp": int(now * 1000), "message": line[:MAX_LINE_CHARACTERS]} for line in lines if line]
    backend.put_log_events(group, stream, events)
    trim(held.streams[stream].events)


def has_group(account: str, region: str, group: str) -> bool:
    """True when there is such a log group."""
    return group in get_backend("logs")[account][region].groups


def trim(events: MutableSequence[Any]) -> None:
    """Keep the newest events of a stream."""
    del events[:-MAX_EVENTS]
