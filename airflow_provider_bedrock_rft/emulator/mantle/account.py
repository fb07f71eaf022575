"""Projects and data retention."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.exchange import Json, Reply, Request, encode, reply
from airflow_provider_bedrock_rft.emulator.mantle.body import optional, page_limit, page_reply, read_object, required
from airflow_provider_bedrock_rft.emulator.mantle.errors import MantleError, cannot_read
from airflow_provider_bedrock_rft.emulator.store import Put, Store

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock

PROJECT = "project"
RETENTION = "data-retention"
MODES = {"inherit", "default", "none", "provider_data_share"}
_DEFAULT_PROJECT_CREATED_AT = 1_771_286_400


class Projects:
    """``/v1/organization/projects``."""

    def __init__(self, store: Store, clock: EmulatorClock) -> None:
        self._store = store
        self._clock = clock

    async def route(self, request: Request, segments: list[str]) -> Reply | None:
        """Answer a request below ``/v1/organization``; None where there is no such operation."""
        match request.method, segments:
            case "POST", ["projects"]:
                return await self._create(request)
            case "GET", ["projects"]:
                return self._list(request)
            case "GET", ["projects", project_id]:
                return reply(self._known(request, project_id))
            case "POST", ["projects", project_id]:
                return await self._update(request, project_id)
            case "POST", ["projects", project_id, "archive"]:
                project = self._known(request, project_id)
                return await self._save(request, {**project, "status": "archived"})
            case _:
                return None

    async def _create(self, request: Request) -> Reply:
        body = read_object(request)
        project = _project(request, f"proj_{uuid.uuid4().hex[:20]}", int(self._clock.now()))
        project["name"] = required(body, "name", str)
        project["tags"] = optional(body, "tags", dict) or {}
        project["data_retention"] = {"mode": _mode(optional(body, "data_retention", dict) or {})}
        return await self._save(request, project)

    def _list(self, request: Request) -> Reply:
        limit = page_limit(request, default=100, most=1_000)
        page = self._store.page(PROJECT, request.owner, after=request.query.get("after"), limit=limit)
        return page_reply(page)

    async def _update(self, request: Request, project_id: str) -> Reply:
        body = read_object(request)
        project = self._known(request, project_id)
        project["name"] = optional(body, "name", str) or project["name"]
        project["tags"].update(optional(body, "add_tags", dict) or {})
        for key in optional(body, "remove_tag_keys", list) or ():
            project["tags"].pop(key, None)
        return await self._save(request, project)

    async def _save(self, request: Request, project: Json) -> Reply:
        body = encode(project)
        await self._store.commit(Put(kind=PROJECT, owner=request.owner, id=project["id"], body=body))
        return Reply(body=body)

    def _known(self, request: Request, project_id: str) -> Json:
        body = self._store.get(PROJECT, request.owner, project_id)
        if body is None and project_id != "default":
            raise MantleError(f"Project '{project_id}' not found", status=404, code="not_found")
        if body is None:
            return _project(request, "default", _DEFAULT_PROJECT_CREATED_AT)
        project: Json = json.loads(body)
        return project


class DataRetention:
    """``/v1/data_retention``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def route(self, request: Request, segments: list[str]) -> Reply | None:
        """Answer a request for the account's retention mode; None where there is no such operation."""
        match request.method, segments:
            case "GET", []:
                return Reply(body=self._store.get(RETENTION, request.owner, "account") or b'{"mode":"inherit"}')
            case "PUT" | "POST", []:
                body = encode({"mode": _mode(read_object(request))})
                await self._store.commit(Put(kind=RETENTION, owner=request.owner, id="account", body=body))
                return Reply(body=body)
            case _:
                return None


def _project(request: Request, project_id: str, created_at: int) -> Json:
    return {
        "id": project_id,
        "object": "organization.project",
        "arn": f"arn:aws:bedrock-mantle:{request.region}:{request.account}:project/{project_id}",
        "name": project_id,
        "created_at": created_at,
        "status": "active",
        "tags": {},
        "data_retention": {"mode": "inherit"},
    }


def _mode(body: Json) -> str:
    mode = optional(body, "mode", str) or "inherit"
    if mode not in MODES:
        raise cannot_read(f"unknown variant `{mode}`, expected one of {', '.join(sorted(MODES))}", "mode")
    return mode
