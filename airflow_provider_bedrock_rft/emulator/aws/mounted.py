"""moto, mounted: one thread performs all requests in turn, so that what they do can be repeated exactly."""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"  # read while moto is imported
os.environ.pop("MOTO_ACCOUNT_ID", None)  # would override the caller's own account

from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from airflow_provider_bedrock_rft.emulator.aws import queues
from airflow_provider_bedrock_rft.emulator.aws.footprint import Footprint, footprint_of, of_deleted_messages
from airflow_provider_bedrock_rft.emulator.aws.journal import Journal, Write
from airflow_provider_bedrock_rft.emulator.aws.operations import SERVICES, is_write
from airflow_provider_bedrock_rft.emulator.aws.publishing import GUARDED, Publishing, latest_of, name_in
from airflow_provider_bedrock_rft.emulator.aws.sources import Sources
from airflow_provider_bedrock_rft.emulator.aws.wire import AwsReply, AwsRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_bedrock_rft.emulator.auth import Caller

log = logging.getLogger(__name__)

_DELETE_MESSAGES = frozenset({"DeleteMessage", "DeleteMessageBatch"})


class NotImplementedHere(Exception):
    """The mounted implementation does not know an operation."""


class MountedAws:
    """The mounted services with their journal. Every method belongs to one and the same thread."""

    def __init__(self, root: Path, *, now: Callable[[], float], seed: int, settle_seconds: float = 0.0) -> None:
        self._now = now
        BackendDict.reset()
        reset_model_data()
        for service in SERVICES.values():
            get_backend(service)  # type: ignore[call-overload]
        self.sources = Sources(now, seed)
        self.sources.bind()
        self._publishing = Publishing(self.sources.now, settle_seconds)
        self._publishing.bind()
        self._dispatcher = DomainDispatcherApplication(create_backend_app)
        self._applications: dict[str, Any] = {}
        self._journal = Journal(root)

    def replay(self) -> int:
        """Do again what was acknowledged before; the number of writes that could not be repeated."""
        n_failed = 0
        for write in self._journal.writes():
            with self.sources.fixed(write.at, write.seq):
                try:
                    reply = self._perform(write.request, write.account, write.service)
                except NotImplementedHere:
                    reply = AwsReply(status=501, headers=(), body=b"")
            if reply.status >= 400:
                n_failed += 1
                log.warning("could not repeat %s %s: %s", write.service, write.operation, reply.body[:500])
        queues.drop(self._journal.settled())
        return n_failed

    def perform(self, request: AwsRequest, caller: Caller, operation: str) -> AwsReply:
        """Answer a request; what it writes is on disk when this returns.

        Raises:
            NotImplementedHere: The operation is not there.
        """
        if not is_write(operation):
            return self._perform(request, caller.account, caller.service)
        if refusal := self._refusal(operation, request, caller):
            return refusal
        write = Write(
            seq=self._journal.next_seq,
            at=self._now(),
            account=caller.account,
            service=caller.service,
            operation=operation,
            request=_without_signature(request, caller),
        )
        deleted: tuple[str, ...] = ()
        if operation in _DELETE_MESSAGES:
            deleted = queues.ids_of_deleted(request, account=caller.account, region=caller.region)
        n_matched = self.sources.n_matched
        with self.sources.fixed(write.at, write.seq):
            reply = self._perform(write.request, caller.account, caller.service)
        is_unheard = operation == "PutEvents" and self.sources.n_matched == n_matched  # it has changed nothing
        if reply.status < 400 and not is_unheard:
            self._journal.append(write, self._footprint(operation, caller, request, reply, deleted))
        return reply

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def _refusal(self, operation: str, request: AwsRequest, caller: Caller) -> AwsReply | None:
        if caller.service != "lambda" or operation not in GUARDED:
            return None
        latest = latest_of(name_in(request), account=caller.account, region=caller.region)
        return self._publishing.refusal(operation, request, latest)

    def _footprint(
        self, operation: str, caller: Caller, request: AwsRequest, reply: AwsReply, deleted: tuple[str, ...]
    ) -> Footprint:
        owner = f"{caller.account}/{caller.region}"
        if operation in _DELETE_MESSAGES:
            return of_deleted_messages(owner, queues.queue_of(request), deleted)
        return footprint_of(caller.service, operation, owner, request, reply, self._keeps_versions)

    def _keeps_versions(self, bucket: str) -> bool:
        for backends in get_backend("s3").values():
            held = backends["aws"].buckets.get(bucket)
            if held is not None:
                return held.versioning_status is not None
        return False

    def _application(self, service: str, environ: dict[str, Any]) -> Any:  # noqa: ANN401 -- a WSGI application
        """The application for a service; moto's own choice, which costs milliseconds, is remembered."""
        if service not in self._applications:
            self._applications[service] = self._dispatcher.get_application(environ)
        return self._applications[service]

    def _perform(self, request: AwsRequest, account: str, service: str) -> AwsReply:
        status: list[int] = []
        headers: list[tuple[str, str]] = []

        def start(line: str, fields: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], None]:
            status[:] = [int(line.split(maxsplit=1)[0])]
            headers[:] = fields
            return lambda _: None

        try:
            environ = _environ(request, account)
            body = b"".join(self._application(service, environ)(environ, start))
        except NotImplementedError as error:
            raise NotImplementedHere(str(error)) from None
        if status[0] >= 404 and body[:15].lower() == b"<!doctype html>":
            raise NotImplementedHere(f"{request.method} {request.raw_path}")
        return AwsReply(status=status[0], headers=tuple(headers), body=body)


def _without_signature(request: AwsRequest, caller: Caller) -> AwsRequest:
    """The same request with an authorization that names service and region only: signatures are not kept on disk."""
    scope = f"20000101/{caller.region}/{caller.service}/aws4_request"
    credential = f"AWS4-HMAC-SHA256 Credential={caller.access_key_id}/{scope}, SignedHeaders=host, Signature=0"
    dropped = {"authorization", "x-amz-security-token", "x-amz-date"}
    headers = [(name, value) for name, value in request.headers if name not in dropped]
    query = "&".join(part for part in request.query.split("&") if not part.startswith("X-Amz-"))
    return AwsRequest(
        method=request.method,
        raw_path=request.raw_path,
        query=query,
        headers=(*headers, ("authorization", credential)),
        body=request.body,
    )


def _environ(request: AwsRequest, account: str) -> dict[str, Any]:
    path = unquote_to_bytes(request.raw_path).decode("latin-1")
    raw = f"{request.raw_path}?{request.query}" if request.query else request.raw_path
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": request.query,
        "RAW_URI": raw,
        "REQUEST_URI": raw,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    preserved = {}
    for name, value in request.headers:
        variable = name.upper().replace("-", "_")
        if variable == "CONTENT_LENGTH":
            continue
        variable = variable if variable == "CONTENT_TYPE" else f"HTTP_{variable}"
        environ[variable] = f"{environ[variable]},{value}" if variable in environ else value
        if "_" in name and name.startswith("x-amz-meta-"):
            preserved[variable] = name
    if request.method == "PUT" and "form" in environ.get("CONTENT_TYPE", ""):
        del environ["CONTENT_TYPE"]  # an object's body would be parsed as a form, and lost
    environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = preserved
    return environ
