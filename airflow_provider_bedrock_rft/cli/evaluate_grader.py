"""Who scores an evaluation at a terminal: a deployed grader, or a grader's source run here as its Lambda would be."""

from __future__ import annotations

import json
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.clients.session import Session
    from airflow_provider_bedrock_rft.core.ports import Invocation
    from airflow_provider_bedrock_rft.core.steps.grading import GraderFunctions
    from airflow_provider_bedrock_rft.grading.isolation import IsolatedGrader


class LocalGrader:
    """A grader's process in the place of its Lambda; one batch at a time."""

    def __init__(self, process: IsolatedGrader) -> None:
        self._process = process
        self._lock = Lock()

    def invoke(self, arn: str, payload: bytes) -> Invocation:  # noqa: ARG002 - there is one
        """Hand it one event."""
        from airflow_provider_bedrock_rft.core.ports import Invocation

        with self._lock:
            answer = self._process.invoke(payload)
        if answer.error_type:
            said = {"errorType": answer.error_type, "errorMessage": answer.error_message}
            return Invocation(payload=json.dumps(said).encode(), function_error="Unhandled", log_tail=answer.log_tail)
        return Invocation(payload=answer.payload)


@contextmanager
def grader_of(session: Session, text: str) -> Iterator[tuple[GraderFunctions, str]]:
    """What is invoked and by which ARN: that of a Lambda, or one made from the source of ``path.py:function``.

    Raises:
        InvalidGrader: There is no such grader, or it cannot be packed.
    """
    if text.startswith("arn:"):
        yield session.functions, text
        return
    from airflow_provider_bedrock_rft.core.grader.package import build_package
    from airflow_provider_bedrock_rft.grading.isolation import Limits, isolated
    from airflow_provider_bedrock_rft.grading.source import read_source

    source = read_source(text)
    name = f"local-{source.fingerprint[:16]}"  # stored scores go by it: another source scores anew
    with isolated(build_package(source), Limits(), visible=source.requirements) as process:
        yield LocalGrader(process), f"arn:aws:lambda:us-west-2:000000000000:function:{name}:1"
