"""Every way in which a function fails, in Lambda's words; the host and the next invocation are unharmed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Bench, MakeBench

FINE = "def handler(event, context):\n    return 'fine'"


async def assert_unharmed(bench: Bench) -> None:
    bench.add(FINE, name="next")
    assert (await bench.invoke(name="next")).payload == b'"fine"'


async def test_an_exception_is_the_answer(bench: Bench) -> None:
    result = await bench.run("def handler(event, context):\n    raise ValueError('no such row')")
    error = json.loads(result.payload)
    assert result.function_error == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no such row")
    assert "main.py" in error["stackTrace"][0]
    assert "raise ValueError('no such row')" in error["stackTrace"][0]
    assert not any("runtime_client" in frame for frame in error["stackTrace"])
    assert "[ERROR] ValueError: no such row" in result.log_tail


@pytest.mark.parametrize(
    ("source", "handler", "kind", "words"),
    [
        (
            "import nowhere",
            "main.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'main': No module named 'nowhere'",
        ),
        (FINE, "other.handler", "Runtime.ImportModuleError", "Unable to import module 'other'"),
        (FINE, "main.absent", "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'main'"),
        ("def handler(:", "main.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'main'"),
        (FINE, "main", "Runtime.MalformedHandlerName", "Bad handler 'main'"),
        ("import numpy", "main.handler", "Runtime.ImportModuleError", "No module named 'numpy'"),
        ("import airflow", "main.handler", "Runtime.ImportModuleError", "No module named 'airflow'"),
        ("raise KeyError('at import')", "main.handler", "KeyError", "at import"),
        ("import sys; sys.exit(3)", "main.handler", "Runtime.ExitError", "exit status 3"),
    ],
)
async def test_a_function_that_does_not_load(bench: Bench, source: str, handler: str, kind: str, words: str) -> None:
    result = await bench.run(source, handler=handler)
    error = json.loads(result.payload)
    assert result.function_error == "Unhandled"
    assert error["errorType"] == kind
    assert words in error["errorMessage"]
    await assert_unharmed(bench)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("import sys; sys.exit(1)", "Runtime.ExitError", "Runtime exited with error: exit status 1"),
        ("import sys; sys.exit(0)", "Runtime.ExitError", "Runtime exited without providing a reason"),
        ("import os; os._exit(3)", "Runtime.ExitError", "exit status 3"),
        ("import os; os.kill(os.getpid(), 11)", "Runtime.ExitError", "segmentation fault"),
        ("x = bytearray(600 * 1024 * 1024); return len(x)", "Runtime.ExitError", "signal: killed"),
        ("return {1, 2}", "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable"),
        ("return 'x' * 7_000_000", "Function.ResponseSizeTooLarge", "exceeded maximum allowed payload size"),
        ("return 'x' * 70_000_000", "Function.ResponseSizeTooLarge", "exceeded maximum allowed payload size"),
    ],
)  # fmt: skip
async def test_a_function_that_breaks(bench: Bench, body: str, kind: str, words: str) -> None:
    result = await bench.run(f"def handler(event, context):\n    {body}", memory=512)
    error = json.loads(result.payload)
    assert result.function_error == "Unhandled"
    assert error["errorType"] == kind
    assert words in error["errorMessage"]
    await assert_unharmed(bench)


async def test_memory_of_children_counts(bench: Bench) -> None:
    source = (
        "import os\n"
        "def handler(event, context):\n"
        "    if os.fork() == 0:\n"
        "        x = bytearray(400 * 1024 * 1024)\n"
        "        while True: pass\n"
        "    os.wait()\n"
    )
    result = await bench.run(source, memory=128)
    assert "signal: killed" in json.loads(result.payload)["errorMessage"]
    assert bench.host._live == set()


async def test_a_timeout_kills_the_whole_group_and_starts_anew(bench: Bench) -> None:
    source = (
        "import subprocess, time\n"
        "n = 0\n"
        "def handler(event, context):\n"
        "    global n\n"
        "    n += 1\n"
        "    if event.get('hang'):\n"
        "        subprocess.Popen(['sleep', event['hang']], start_new_session=True)\n"
        "        time.sleep(60)\n"
        "    return n\n"
    )
    pause = str(100_000 + os.getpid())  # tells this test's process from those of others
    bench.add(source, timeout=3)
    assert (await bench.invoke()).payload == b"1"
    result = await bench.invoke(json.dumps({"hang": pause}).encode())
    error = json.loads(result.payload)
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 3.00 seconds")
    assert "Task timed out" in result.log_tail
    after = await bench.invoke()
    assert (after.payload, after.init_ms is not None) == (b"1", True)
    await bench.host.close()
    assert not _running(f"sleep\0{pause}")


async def test_a_hanging_initialisation_gets_the_functions_own_timeout(make_bench: MakeBench) -> None:
    bench = make_bench(init_seconds=0.3)
    result = await bench.run("import time\ntime.sleep(60)", timeout=1)
    error = json.loads(result.payload)
    assert error["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in error["errorMessage"]
    await assert_unharmed(bench)


async def test_a_slow_initialisation_succeeds_within_the_functions_timeout(make_bench: MakeBench) -> None:
    bench = make_bench(init_seconds=0.3)
    result = await bench.run("import time\ntime.sleep(1)\n" + FINE, timeout=10)
    assert result.payload == b'"fine"'


async def test_megabytes_of_output_are_cut_to_the_newest(bench: Bench) -> None:
    source = "def handler(event, context):\n    print('x' * 5_000_000)\n    for i in range(2000): print(i, 'y' * 500)\n    print('the end')\n    return 1"
    result = await bench.run(source)
    assert result.payload == b"1"
    assert len(result.log_tail) <= 4097
    assert "the end" in result.log_tail
    assert sum(map(len, next(iter(bench.logs.values())))) < 300_000


async def test_a_fork_that_returns_does_not_answer_twice(bench: Bench) -> None:
    bench.add("import os\ndef handler(event, context):\n    os.fork()\n    return event['n']")
    answers = [(await bench.invoke(json.dumps({"n": n}).encode())).payload for n in range(3)]
    assert answers == [b"0", b"1", b"2"]


async def test_closed_and_redirected_output_does_no_harm(bench: Bench) -> None:
    source = "import os\ndef handler(event, context):\n    os.close(1)\n    os.close(2)\n    return 'quiet'"
    result = await bench.run(source)
    assert result.payload == b'"quiet"'


async def test_a_late_line_stays_out_of_the_next_invocation(bench: Bench) -> None:
    source = (
        "import os, subprocess\n"
        "def handler(event, context):\n"
        "    if event.get('first'):\n"
        "        subprocess.Popen(['sh', '-c', 'sleep 0.2; echo LATE; sleep 5'])\n"
        "        print('early')\n"
        "        return 1\n"
        "    print('second')\n"
        "    return 2\n"
    )
    bench.add(source)
    first = await bench.invoke(b'{"first": true}')
    await _until_late_line_is_dropped()
    second = await bench.invoke()
    assert "early" in first.log_tail
    assert "LATE" not in second.log_tail
    assert "second" in second.log_tail


async def test_an_environment_that_died_while_idle_is_replaced(bench: Bench) -> None:
    source = "import os, threading\ndef handler(event, context):\n    threading.Timer(0.1, lambda: os._exit(0)).start()\n    return 1"
    bench.add(source)
    for _ in range(3):
        assert (await bench.invoke()).payload == b"1"
        await _until_late_line_is_dropped()


async def _until_late_line_is_dropped() -> None:
    import asyncio

    await asyncio.sleep(0.4)


def _running(command: str) -> bool:
    from contextlib import suppress
    from pathlib import Path

    commands = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            commands.append((entry / "cmdline").read_bytes())
    return any(command.encode() in held for held in commands)
