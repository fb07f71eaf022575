"""The native planes as a whole: a request is resolved by its method and path, whichever service it is of."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.call import Call, Handler, handlers
from airflow_provider_bedrock_rft.emulator.bedrock.errors import BedrockError, error_reply
from airflow_provider_bedrock_rft.emulator.exchange import Reply, Request, StreamReply
from airflow_provider_bedrock_rft.emulator.modelled.service import ModelledService, NotModelled, Violation, modelled
from airflow_provider_bedrock_rft.emulator.upstream import UpstreamFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_bedrock_rft.emulator.modelled.service import Operation

LOGGER = logging.getLogger(__name__)
SERVICES = ("bedrock", "bedrock-runtime")
_CODES = {400: "ValidationException", 429: "ThrottlingException", 503: "ServiceUnavailableException"}
_INTERNAL = "InternalServerException"


class NativePlane:
    """Every operation of ``bedrock`` and ``bedrock-runtime`` by its own name; those that are not there say so."""

    def __init__(self, rooms: Iterable[object]) -> None:
        self._handlers = handlers(rooms)
        self._services: dict[str, ModelledService] = {}

    async def handle(self, request: Request) -> Reply | StreamReply:
        """Answer a request; refusals are replies too. ``request.path`` is still percent-encoded."""
        for name in SERVICES:
            service = self._services.get(name) or await self._load(name)
            found = service.find(request.method, request.path)
            if found is not None:
                operation, labels = found
                handler = self._handlers.get(operation.name)
                if handler is None:
                    return not_emulated(f"The operation {operation.name} of {name}")
                answer = await self._serve(service, operation, labels, request, handler)
                return replace(answer, headers=(*answer.headers, ("x-amzn-requestid", request.id)))
        return not_emulated(f"{request.method} {request.path} of Amazon Bedrock")

    async def _load(self, name: str) -> ModelledService:
        """The service's model, which takes a moment to read."""
        self._services[name] = await asyncio.to_thread(modelled, name)
        return self._services[name]

    async def _serve(
        self,
        service: ModelledService,
        operation: Operation,
        labels: Mapping[str, str],
        request: Request,
        handler: Handler,
    ) -> Reply | StreamReply:
        try:
            params = service.read(operation, labels, request.query, request.headers, request.body)
            answer = await handler(
                Call(
                    operation=operation,
                    params=params,
                    account=request.account,
                    region=request.region,
                    principal=request.principal,
                    id=request.id,
                    stale_seconds=request.stale_seconds,
                )
            )
            if isinstance(answer, (Reply, StreamReply)):
                return answer
            return Reply(body=service.write(operation, answer), status=service.status(operation))
        except Violation as violation:
            return refusal(service, operation, "ValidationException", violation.message)
        except BedrockError as error:
            return refusal(service, operation, error.code, error.message)
        except UpstreamFailure as failure:
            return refusal(service, operation, _CODES[failure.status], failure.message)
        except NotModelled:
            LOGGER.exception("an answer does not fit its shape")
        except Exception:  # -- the service answers 500 and goes on serving
            LOGGER.exception("%s broke", operation.name)
        return error_reply(_INTERNAL, "The server encountered an internal error.", 500)


def refusal(service: ModelledService, operation: Operation, code: str, message: str) -> Reply:
    """An error that the operation declares: the one that is meant, or else the nearest that it has."""
    for name in (code, "ValidationException", _INTERNAL):
        status = service.error_status(operation, name)
        if status is not None:
            return error_reply(name, message, status)
    return error_reply(code, message, 400)


def not_emulated(what: str) -> Reply:
    """Never an empty success."""
    return error_reply("NotImplemented", f"{what} is not emulated.", 501)
