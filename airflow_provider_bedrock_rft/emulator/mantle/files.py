"""``/v1/files``."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from airflow_provider_bedrock_rft.emulator.exchange import Reply, Request, encode, reply
from airflow_provider_bedrock_rft.emulator.mantle.body import page_limit, page_reply
from airflow_provider_bedrock_rft.emulator.mantle.errors import MantleError, cannot_read, invalid_value
from airflow_provider_bedrock_rft.emulator.store import Drop, Put, Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.datastructures import FormData

    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock

KIND = "file"
PURPOSES = {"assistants", "batch", "fine-tune", "vision", "user_data", "evals"}
_MAX_PAGE = 10_000
_MIN_LIFE_SECONDS, _MAX_LIFE_SECONDS = 3_600, 2_592_000


class Files:
    """Uploaded files: metadata in the store, bodies on disk below ``folder``."""

    def __init__(self, store: Store, clock: EmulatorClock, folder: Path) -> None:
        self._store = store
        self._clock = clock
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def route(self, request: Request, segments: list[str]) -> Reply | None:
        """Answer a request below ``/v1/files``; None where there is no such operation."""
        match request.method, segments:
            case "POST", []:
                return await self._create(request)
            case "GET", []:
                return self._list(request)
            case "GET", [file_id]:
                return Reply(body=self._known(request, file_id))
            case "DELETE", [file_id]:
                return await self._delete(request, file_id)
            case "GET", [file_id, "content"]:
                return await self._content(request, file_id)
            case _:
                return None

    def path(self, file_id: str) -> Path:
        """Where the body of a known file is."""
        return self._folder / file_id

    async def _create(self, request: Request) -> Reply:
        form = await _parse_form(request)
        upload, purpose = form.get("file"), form.get("purpose")
        if not isinstance(upload, UploadFile):
            raise cannot_read("missing field `file`", "file")
        if purpose not in PURPOSES:
            raise invalid_value("purpose", f"{purpose!r} is not one of {', '.join(sorted(PURPOSES))}")
        content = await upload.read()
        if not content:
            raise MantleError("The file is empty", param="file")
        file_id = str(uuid.uuid4())
        created_at = int(self._clock.now())
        document = {
            "id": file_id,
            "object": "file",
            "bytes": len(content),
            "created_at": created_at,
            "filename": upload.filename or "file",
            "purpose": purpose,
            "status": "processed",
            "expires_at": _expiry(form, created_at),
            "status_details": None,
        }
        body = encode(document)
        await asyncio.to_thread(write_durably, self.path(file_id), content)
        await self._store.commit(Put(kind=KIND, owner=request.owner, id=file_id, body=body, label=str(purpose)))
        return Reply(body=body)

    def _list(self, request: Request) -> Reply:
        order = request.query.get("order", "desc")
        if order not in {"asc", "desc"}:
            raise invalid_value("order", "expected asc or desc")
        page = self._store.page(
            KIND,
            request.owner,
            after=request.query.get("after"),
            limit=page_limit(request, default=_MAX_PAGE, most=_MAX_PAGE),
            label=request.query.get("purpose", ""),
            newest_first=order == "desc",
        )
        if request.stale_seconds:
            then = self._clock.now() - request.stale_seconds
            page = replace(page, bodies=tuple(body for body in page.bodies if json.loads(body)["created_at"] <= then))
        return page_reply(page)

    async def _delete(self, request: Request, file_id: str) -> Reply:
        self._known(request, file_id)
        await self._store.commit(Drop(kind=KIND, owner=request.owner, id=file_id))
        await asyncio.to_thread(self.path(file_id).unlink, missing_ok=True)
        return reply({"id": file_id, "object": "file", "deleted": True})

    async def _content(self, request: Request, file_id: str) -> Reply:
        self._known(request, file_id)
        content = await asyncio.to_thread(self.path(file_id).read_bytes)
        return Reply(body=content, content_type="application/octet-stream")

    def _known(self, request: Request, file_id: str) -> bytes:
        body = self._store.get(KIND, request.owner, file_id)
        if body is None:
            raise MantleError(f"No such File object: {file_id}", status=404, code="not_found", param="id")
        return body


async def _parse_form(request: Request) -> FormData:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise cannot_read("expected multipart/form-data")

    async def stream() -> AsyncIterator[bytes]:
        yield request.body

    parser = MultiPartParser(Headers(dict(request.headers)), stream())  # type: ignore[arg-type]
    try:
        return await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise cannot_read(f"malformed multipart body ({error})") from error


def _expiry(form: FormData, created_at: int) -> int | None:
    seconds = form.get("expires_after[seconds]")
    if seconds is None:
        return None
    if form.get("expires_after[anchor]") != "created_at":
        raise invalid_value("expires_after[anchor]", "expected created_at")
    if not str(seconds).isdecimal() or not _MIN_LIFE_SECONDS <= int(str(seconds)) <= _MAX_LIFE_SECONDS:
        raise invalid_value("expires_after[seconds]", f"expected {_MIN_LIFE_SECONDS} to {_MAX_LIFE_SECONDS}")
    return created_at + int(str(seconds))


def write_durably(path: Path, content: bytes) -> None:
    """All of ``content`` is on disk under ``path``, or nothing is."""
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
