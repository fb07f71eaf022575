"""Fakes behind the ports an evaluation needs."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.errors import ResourceNotFound
from airflow_provider_bedrock_rft.core.ports import Completion, CompletionRequest, Invocation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.ports import OnProgress


@dataclass
class FakeObjects:
    """An object store in memory that can be told to fail."""

    stored: dict[str, bytes] = field(default_factory=dict)
    failure: Exception | None = None

    def put(self, uri: str, path: Path, *, on_progress: OnProgress | None = None) -> str:  # noqa: ARG002
        return self.put_bytes(uri, path.read_bytes())

    def put_bytes(self, uri: str, data: bytes) -> str:
        if self.failure is not None:
            raise self.failure
        self.stored[uri] = data
        return "etag"

    def get(self, uri: str) -> bytes:
        if uri not in self.stored:
            raise ResourceNotFound(f"{uri} is not there.")
        return self.stored[uri]

    def fetch(self, uri: str, path: Path, *, etag: str) -> None:  # noqa: ARG002
        path.write_bytes(self.get(uri))

    def etag(self, uri: str) -> str | None:
        return "etag" if uri in self.stored else None

    def list(self, prefix: str) -> Iterator[str]:
        return iter(sorted(uri for uri in self.stored if uri.startswith(prefix)))

    def delete(self, uri: str) -> None:
        self.stored.pop(uri, None)


@dataclass
class FakeModel:
    """Echoes the prompt; counts every question and raises what it is told to."""

    answer: Callable[[CompletionRequest], Completion] = lambda request: Completion(
        text=f"{request.messages[-1].content}!", completion_tokens=3, prompt_tokens=5, latency_ms=7.0
    )
    failures: list[Exception] = field(default_factory=list)
    asked: Counter[tuple[str, int | None]] = field(default_factory=Counter)
    requests: list[CompletionRequest] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def complete(self, request: CompletionRequest) -> Completion:
        with self.lock:
            self.asked[(request.messages[-1].content, request.seed)] += 1
            self.requests.append(request)
            if self.failures:
                raise self.failures.pop()
        return self.answer(request)


@dataclass
class FakeGrader:
    """A Lambda that scores by the completion's text."""

    score: Callable[[str], float] = lambda completion: float(len(completion) % 2)
    invocations: list[list[str]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def invoke(self, arn: str, payload: bytes) -> Invocation:
        assert arn.startswith("arn:aws:lambda:")
        event = json.loads(payload)
        texts = [entry["messages"][-1]["content"] for entry in event]
        self.invocations.append(texts)
        if self.failures:
            raise self.failures.pop()
        try:
            reply = [
                {"id": entry["id"], "aggregate_reward_score": self.score(text)}
                for entry, text in zip(event, texts, strict=True)
            ]
        except ValueError as error:
            return Invocation(payload=json.dumps({"errorMessage": str(error)}).encode(), function_error="Unhandled")
        return Invocation(payload=json.dumps(reply).encode())


@pytest.fixture
def objects() -> FakeObjects:
    return FakeObjects()


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def grader() -> FakeGrader:
    return FakeGrader()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def records() -> list[Record]:
    return [
        Record(
            record_id=f"r{i:02}",
            messages=(Message(role="user", content=f"question {'x' * i}"),),
            reference=str(i),
            metadata={"document": f"d{i // 3}", "task": "even" if i % 2 == 0 else "odd"},
        )
        for i in range(20)
    ]
