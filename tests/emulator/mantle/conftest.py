"""The openai SDK, pointed at the emulator and strict about what comes back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def client(emulator: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{emulator.url}/v1", api_key=emulator.token(), max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture
def jsonl() -> Callable[[int], bytes]:
    def lines(n: int) -> bytes:
        records = (
            {
                "messages": [{"role": "user", "content": f"What is {i % 9} plus {i % 11}?"}],
                "reference_answer": str(i % 9 + i % 11),
            }
            for i in range(n)
        )
        return "\n".join(map(json.dumps, records)).encode()

    return lines
