"""Grading code by running it against unit tests, walled in. Travels into the Lambda: standard library only.

The walls: a process group of its own that is killed at the deadline, limits on CPU time, memory and file size, an empty
environment, an empty working folder, an isolated interpreter, and an audit hook that refuses sockets, processes and
files elsewhere. They stop accidents and ordinary cheating; in Lambda the micro-VM stands around them.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_bedrock_rft.core.grader.reward import Reward

MAX_CODE_CHARACTERS = 50_000
_FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_RUNNER = Path(__file__).with_name("cell.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Walls:
    """Limits on the code that is run."""

    seconds: float = 5.0
    memory_mb: int = 256
    file_bytes: int = 1_000_000


def passes_tests(completion: str, reference: object, *, walls: Walls | None = None) -> Reward:
    """The share of unit tests that the completion's code passes; all of them earn 1.

    ``reference`` holds the tests: a list of assertions, or an object with ``tests`` (and ``setup``, run before). One
    assertion that fails costs its share; code that does not run earns nothing.

    Raises:
        ValueError: The reference holds no tests.
    """
    setup, tests = _tests_in(reference)
    code = code_in(completion)
    if code is None:
        return Reward(0.0, components={"has_code": 0.0, "passed": 0.0})
    passed = run_tests(code, tests, setup=setup, walls=walls or Walls())
    share = sum(passed) / len(tests)
    return Reward(share, components={"has_code": 1.0, "passed": share}, metrics={"n_tests": float(len(tests))})


def code_in(completion: str) -> str | None:
    """The code of a completion: its last fenced block, or all of it when it parses; ``None`` without any.

    Code that defines one name several times has not committed to an answer, and is none.
    """
    blocks = _FENCED.findall(completion)
    code = blocks[-1] if blocks else completion
    if not code.strip() or len(code) > MAX_CODE_CHARACTERS:
        return None
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    defines = any(isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign) for node in tree.body)
    return code if defines and not _defines_twice(tree) else None


def _defines_twice(tree: ast.Module) -> bool:
    definitions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    names = [node.name for node in definitions if not any("overload" in ast.unparse(d) for d in node.decorator_list)]
    return len(set(names)) < len(names)


def run_tests(code: str, tests: Sequence[str], *, setup: str = "", walls: Walls) -> list[bool]:
    """Which of ``tests`` hold after ``code`` has run; all false when it does not end well in time.

    Verdicts are signed with a word that the code is never told, so that printing them does not pass a test.
    """
    word = secrets.token_hex(16)
    job = json.dumps(
        {
            "code": code,
            "setup": setup,
            "tests": list(tests),
            "word": word,
            "memory_mb": walls.memory_mb,
            "seconds": walls.seconds,
            "file_bytes": walls.file_bytes,
        }
    )
    with tempfile.TemporaryDirectory(prefix="cell-") as folder:
        process = subprocess.Popen(  # noqa: S603 -- our own interpreter and script
            [sys.executable, "-I", "-S", "-B", str(_RUNNER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={},
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(job.encode(), timeout=walls.seconds)
        except subprocess.TimeoutExpired:
            output = b""
        finally:
            _end(process)
    lines = [line for line in output.decode(errors="replace").splitlines() if line.startswith(word)]
    verdicts = lines[-1].removeprefix(word) if lines else ""
    return [verdicts[n : n + 1] == "1" for n in range(len(tests))]


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _tests_in(reference: object) -> tuple[str, list[str]]:
    if isinstance(reference, str):
        tests: object = [line for line in reference.splitlines() if line.lstrip().startswith("assert")]
        setup = ""
    elif isinstance(reference, Mapping):
        tests, setup = reference.get("tests"), str(reference.get("setup", ""))
    else:
        tests, setup = reference, ""
    found = [str(test) for test in tests] if isinstance(tests, list | tuple) else []
    if not found:
        raise ValueError("The reference holds no unit tests.")
    return setup, found
