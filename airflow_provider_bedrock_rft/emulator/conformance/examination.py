"""Sends specimens to a plane and holds what comes back against the service model, by botocore's own parser."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from airflow_provider_bedrock_rft.emulator.conformance.specimens import Maker, NoSpecimen, broken
from airflow_provider_bedrock_rft.emulator.exchange import Reply, Request, StreamReply
from airflow_provider_bedrock_rft.emulator.modelled.constraints import violations
from airflow_provider_bedrock_rft.emulator.modelled.service import ModelledService, Operation

Handle = Callable[[Request], Awaitable[Reply | StreamReply]]
_REFUSAL = "ValidationException"
_WORDS = b" validation error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that the real service could not have answered."""

    operation: str
    case: str
    problem: str

    def __str__(self) -> str:
        return f"{self.operation}, {self.case}: {self.problem}"


@dataclass(slots=True)
class Examination:
    """One service under examination. ``n_requests`` counts what was sent, ``findings`` what was wrong."""

    service: ModelledService
    handle: Handle
    maker: Maker
    n_requests: int = 0
    findings: list[Finding] = field(default_factory=list)

    async def examine(self, name: str) -> None:
        """One operation: well-formed with all members and with few, each constraint violated, and an unknown owner."""
        operation = self.service.model.operation_model(name)
        for case, params in _well_formed(operation, self.maker):
            await self._expect_declared(operation, case, params)
            await self._expect_declared(operation, f"{case}, another owner", params, account="999999999999")
        for case, params in _broken(operation, self.maker):
            await self._expect_refusal(operation, case, params)

    async def _expect_declared(
        self,
        operation: Operation,
        case: str,
        params: Any,  # noqa: ANN401 -- any JSON
        *,
        account: str = "123456789012",
    ) -> None:
        answer = await self._send(operation, params, account)
        if not isinstance(answer, Reply):
            return
        for problem in self._problems(operation, answer):
            self.findings.append(Finding(operation=operation.name, case=case, problem=problem))

    async def _expect_refusal(self, operation: Operation, case: str, params: Any) -> None:  # noqa: ANN401 -- any JSON
        answer = await self._send(operation, params, "123456789012")
        code = dict(answer.headers).get("x-amzn-errortype")
        if code != _REFUSAL or not isinstance(answer, Reply) or _WORDS not in answer.body:
            problem = f"answered {code or 'success'} instead of {_REFUSAL} for the constraint"
            self.findings.append(Finding(operation=operation.name, case=case, problem=problem))

    def _problems(self, operation: Operation, answer: Reply) -> Iterator[str]:
        if answer.status < 400:
            if answer.status != self.service.status(operation):
                yield f"the status is {answer.status}"
            yield from _unlike(operation, answer)
            return
        code = dict(answer.headers).get("x-amzn-errortype", "")
        status = self.service.error_status(operation, code)
        if status is None or code == "InternalServerException":
            yield f"{code} {answer.status}: {answer.body.decode(errors='replace')[:200]}"
        elif status != answer.status:
            yield f"{code} has the status {answer.status} and not {status}"
        elif not isinstance(json.loads(answer.body).get("message"), str):
            yield f"{code} has no message"

    async def _send(self, operation: Operation, params: Any, account: str) -> Reply | StreamReply:  # noqa: ANN401
        self.n_requests += 1
        sent = _serialised(operation, params)
        query = urlencode(sent["query_string"], doseq=True)
        return await self.handle(
            Request(
                method=sent["method"],
                path=sent["url_path"],
                query={name: str(value) for name, value in sent["query_string"].items()} if query else {},
                headers={name: str(value) for name, value in sent["headers"].items()},
                body=sent["body"] if isinstance(sent["body"], bytes) else str(sent["body"] or "").encode(),
                account=account,
                region="us-west-2",
                id=f"specimen-{self.n_requests}",
            )
        )


def _well_formed(operation: Operation, maker: Maker) -> Iterator[tuple[str, Any]]:
    shape = operation.input_shape
    if shape is None:
        yield "without parameters", {}
        return
    yield "few members", maker.well_formed(shape, full=False)
    try:
        yield "all members", maker.well_formed(shape, full=True)
    except NoSpecimen:
        return


def _broken(operation: Operation, maker: Maker) -> Iterator[tuple[str, Any]]:
    shape = operation.input_shape
    if shape is None:
        return
    for _, params in _well_formed(operation, maker):
        for case in broken(shape, params):
            yield case.what, case.params


def _serialised(operation: Operation, params: Any) -> Any:  # noqa: ANN401 -- botocore's request
    from botocore.serialize import create_serializer  # noqa: PLC0415 -- slow

    return create_serializer("rest-json", include_validation=False).serialize_to_request(params, operation)


def _unlike(operation: Operation, answer: Reply) -> Iterator[str]:
    """What of an answer does not fit the output shape; bodies in a format of their own are let through."""
    from botocore.parsers import create_parser  # noqa: PLC0415 -- slow

    shape = operation.output_shape
    if shape is None or shape.serialization.get("payload"):
        return
    headers = {"content-type": answer.content_type, **dict(answer.headers)}
    parsed = create_parser("rest-json").parse(
        {"status_code": answer.status, "headers": headers, "body": answer.body}, shape
    )
    parsed.pop("ResponseMetadata", None)
    yield from violations(shape, parsed)
