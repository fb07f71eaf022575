from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Bench


async def test_a_function_answers(bench: Bench) -> None:
    result = await bench.run(
        "def handler(event, context):\n    return {'got': event, 'left': context.get_remaining_time_in_millis() > 0}",
        b'{"a": 1}',
    )
    assert json.loads(result.payload) == {"got": {"a": 1}, "left": True}
    assert result.function_error is None
    assert result.init_ms is not None
    assert "START RequestId" in result.log_tail


async def test_state_survives_between_warm_invocations(bench: Bench) -> None:
    bench.add("n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return n")
    results = [await bench.invoke() for _ in range(3)]
    assert [r.payload for r in results] == [b"1", b"2", b"3"]
    assert [r.init_ms is None for r in results] == [False, True, True]
