from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.emulator.functions import (
    CodeRefused,
    FunctionNotFound,
    FunctionThrottled,
    PayloadTooLarge,
)

if TYPE_CHECKING:
    from conftest import Bench, MakeBench

SLOW = "import time\ndef handler(event, context):\n    time.sleep(0.5)\n    return 1"
COUNTING = "n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return n"


async def test_a_function_answers(bench: Bench) -> None:
    source = (
        "def handler(event, context):\n    return {'got': event, 'left': context.get_remaining_time_in_millis() > 0}"
    )
    result = await bench.run(source, b'{"a": 1}')
    assert json.loads(result.payload) == {"got": {"a": 1}, "left": True}
    assert result.function_error is None
    assert result.init_ms is not None
    assert 5 < result.max_memory_mb < 128


async def test_the_log_has_lambdas_lines(bench: Bench) -> None:
    result = await bench.run("print('loading')\ndef handler(event, context):\n    print('working')")
    lines = result.log_tail.splitlines()
    assert lines[0] == "loading"
    assert lines[1] == f"START RequestId: {result.request_id} Version: 1"
    assert lines[2] == "working"
    assert lines[3] == f"END RequestId: {result.request_id}"
    assert "\tMemory Size: 128 MB\tMax Memory Used: " in lines[4]
    assert "Init Duration" in lines[4]
    (stream,) = bench.logs
    assert "/[1]" in stream
    assert bench.logs[stream] == lines


async def test_state_survives_between_warm_invocations(bench: Bench) -> None:
    bench.add(COUNTING)
    results = [await bench.invoke() for _ in range(3)]
    assert [r.payload for r in results] == [b"1", b"2", b"3"]
    assert [r.init_ms is None for r in results] == [False, True, True]
    assert len(bench.logs) == 1


async def test_invocations_at_once_have_environments_of_their_own(bench: Bench) -> None:
    bench.add(COUNTING.replace("    n += 1", "    n += 1\n    import time; time.sleep(0.3)"))
    results = await asyncio.gather(*(bench.invoke() for _ in range(4)))
    assert [r.payload for r in results] == [b"1"] * 4


async def test_changed_code_is_run(bench: Bench) -> None:
    await bench.run(COUNTING)
    result = await bench.run("def handler(event, context):\n    return 'new'")
    assert result.payload == b'"new"'


async def test_reserved_concurrency_throttles(bench: Bench) -> None:
    bench.add(SLOW, reserved=1)
    results = await asyncio.gather(bench.invoke(), bench.invoke(), return_exceptions=True)
    throttled = [r for r in results if isinstance(r, FunctionThrottled)]
    assert [t.reason for t in throttled] == ["ReservedFunctionConcurrentInvocationLimitExceeded"]
    assert (await bench.invoke()).payload == b"1"


async def test_no_reserved_concurrency_at_all_stops_a_function(bench: Bench) -> None:
    bench.add(SLOW, reserved=0)
    with pytest.raises(FunctionThrottled):
        await bench.invoke()


async def test_the_accounts_concurrency_throttles(make_bench: MakeBench) -> None:
    bench = make_bench(account_concurrency=2)
    bench.add(SLOW)
    results = await asyncio.gather(*(bench.invoke() for _ in range(3)), return_exceptions=True)
    assert [r.reason for r in results if isinstance(r, FunctionThrottled)] == ["ConcurrentInvocationLimitExceeded"]


async def test_beyond_this_machines_limit_invocations_wait(make_bench: MakeBench) -> None:
    bench = make_bench(max_environments=1)
    bench.add(COUNTING)
    results = await asyncio.gather(*(bench.invoke() for _ in range(5)))
    assert sorted(r.payload for r in results) == [b"1", b"2", b"3", b"4", b"5"]


async def test_idle_environments_give_way_to_other_functions(make_bench: MakeBench) -> None:
    bench = make_bench(max_environments=2)
    for name in "abcd":
        bench.add(COUNTING, name=name)
        await bench.invoke(name=name)
        assert len(bench.host._live) <= 2
    assert (await bench.invoke(name="d")).payload == b"2"
    assert (await bench.invoke(name="a")).payload == b"1"


async def test_idle_environments_are_retired(make_bench: MakeBench) -> None:
    bench = make_bench(idle_seconds=0.2)
    await bench.run(COUNTING)
    assert len(bench.host._live) == 1
    while bench.host._live:
        await asyncio.sleep(0.05)
    assert (await bench.invoke()).payload == b"1"


async def test_a_cancelled_invocation_leaves_nothing_running(bench: Bench) -> None:
    bench.add("import time\ndef handler(event, context):\n    time.sleep(60)", timeout=60)
    task = asyncio.create_task(bench.invoke())
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.host._live == set()
    assert not any(bench.host._busy.values())


async def test_a_large_event_passes_and_a_larger_one_does_not(bench: Bench) -> None:
    bench.add("def handler(event, context):\n    return len(event)")
    just = json.dumps("x" * (6 * 1024 * 1024 - 2)).encode()
    assert (await bench.invoke(just)).payload == str(6 * 1024 * 1024 - 2).encode()
    with pytest.raises(PayloadTooLarge):
        await bench.invoke(just + b" ")


async def test_answers_may_be_anything_that_json_knows(bench: Bench) -> None:
    source = "from decimal import Decimal\ndef handler(event, context):\n    return [None, Decimal('0.5'), float('nan'), 'ä']"
    assert (await bench.run(source)).payload == '[null, 0.5, NaN, "ä"]'.encode()


async def test_an_unknown_function_is_not_found(bench: Bench) -> None:
    with pytest.raises(FunctionNotFound):
        await bench.invoke(name="nowhere")


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"runtime": "nodejs20.x"}, "runs Python functions only"), ({"layers": 1}, "Layers are not supported")],
)
async def test_what_cannot_be_run_says_so(bench: Bench, settings: dict[str, object], words: str) -> None:
    bench.add(COUNTING, **settings)  # type: ignore[arg-type]
    with pytest.raises(CodeRefused, match=words):
        await bench.invoke()
