"""Queues where the mounted implementation would block its one thread, or would forget what was received."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from moto.backends import get_backend

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from airflow_provider_bedrock_rft.emulator.aws.wire import AwsReply, AwsRequest

MAX_WAIT_SECONDS = 20
_POLL_SECONDS = 0.1


async def receive(request: AwsRequest, perform: Callable[[AwsRequest], Awaitable[AwsReply]]) -> AwsReply:
    """``ReceiveMessage`` with its long poll waited for here; a queue's own default wait is not honoured."""
    document = _document(request)
    wait = document.get("WaitTimeSeconds", 0)
    if not isinstance(wait, int) or not 0 <= wait <= MAX_WAIT_SECONDS:
        return await perform(request)  # which refuses it
    body = json.dumps({**document, "WaitTimeSeconds": 0}).encode()
    headers = tuple((name, value) for name, value in request.headers if name != "content-length")
    at_once = replace(request, body=body, headers=headers)
    deadline = asyncio.get_running_loop().time() + wait
    while True:
        reply = await perform(at_once)
        left = deadline - asyncio.get_running_loop().time()
        if reply.status >= 400 or b'"Messages"' in reply.body or left <= 0:
            return reply
        await asyncio.sleep(min(left, _POLL_SECONDS))


def ids_of_deleted(request: AwsRequest, *, account: str, region: str) -> tuple[str, ...]:
    """The ids of the messages that a ``DeleteMessage`` or its batch is about to delete."""
    document = _document(request)
    entries = document.get("Entries")
    listed = entries if isinstance(entries, list) else [document]
    handles = {str(entry.get("ReceiptHandle")) for entry in listed if isinstance(entry, dict)}
    queue = get_backend("sqs")[account][region].queues.get(queue_of(request))
    if queue is None:
        return ()
    held = queue._messages  # noqa: SLF001
    return tuple(str(message.id) for message in held if any(map(message.had_receipt_handle, handles)))


def queue_of(request: AwsRequest) -> str:
    """The name of the queue that a request is about."""
    return str(_document(request).get("QueueUrl", "")).rpartition("/")[2]


def drop(ids: Collection[str]) -> None:
    """Take messages out of whatever queue they are in: they were received and deleted in an earlier life."""
    if not ids:
        return
    for regions in get_backend("sqs").values():
        for backend in regions.values():
            for queue in backend.queues.values():
                queue._messages = [m for m in queue._messages if str(m.id) not in ids]  # noqa: SLF001


def _document(request: AwsRequest) -> dict[str, object]:
    try:
        document = json.loads(request.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
