from __future__ import annotations

import pytest

from airflow_provider_bedrock_rft.grading.execution import Walls, code_in, passes_tests

TESTS = ["assert add(1, 2) == 3", "assert add(0, 0) == 0"]
RIGHT = "def add(a, b):\n    return a + b\n"
WALLS = Walls(seconds=2.0)


@pytest.mark.parametrize(
    ("completion", "value"),
    [
        (RIGHT, 1.0),
        (f"Here it is:\n```python\n{RIGHT}```\nDone.", 1.0),
        (f"```\n{RIGHT}```", 1.0),
        ("def add(a, b):\n    return a - b\n", 0.5),
        ("", 0.0),
        ("I would add the numbers.", 0.0),
        ("def add(a, b):\n    while True:\n        pass\n", 0.0),
        ("import os\ndef add(a, b):\n    os._exit(0)\n", 0.0),
        ("import sys\nsys.exit(0)\n" + RIGHT, 0.0),
        ("import socket\ns = socket.socket()\n" + RIGHT, 0.0),
        ("import subprocess\nsubprocess.run(['true'])\n" + RIGHT, 0.0),
        ("import os\nos.fork()\n" + RIGHT, 0.0),
        ("open('/etc/passwd').read()\n" + RIGHT, 0.0),
        ("import os\nos.remove('/tmp/never-there')\n" + RIGHT, 0.0),
        ("x = 'x' * 10**9\n" + RIGHT, 0.0),
        ("open('big', 'wb').write(b'x' * 10**7)\n" + RIGHT, 0.0),
        ("open('note', 'w').write('x')\nassert open('note').read() == 'x'\n" + RIGHT, 1.0),
        ("for _ in range(10**5): print('1111111111')\n" + RIGHT, 1.0),
        ("import dataclasses, collections\n@dataclasses.dataclass\nclass P:\n    a: int\nQ = collections.namedtuple('Q', 'b')\n" + RIGHT, 1.0),
        ("import sys\nword = sys._getframe(2).f_locals['word']\n" + RIGHT, 0.0),
        ("try:\n    1 / 0\nexcept Exception as e:\n    frame = e.__traceback__.tb_frame\n" + RIGHT, 0.0),
        ("import gc\nfound = gc.get_objects()\n" + RIGHT, 0.0),
        ("def add(a, b):\n    raise SystemExit(0)\n", 0.0),
    ],
)  # fmt: skip
def test_code_earns_by_its_tests_and_by_nothing_else(completion: str, value: float) -> None:
    assert passes_tests(completion, TESTS, walls=WALLS).value == value


def test_tests_come_as_a_list_an_object_or_text() -> None:
    assert passes_tests(RIGHT, {"tests": TESTS, "setup": "import math"}, walls=WALLS).value == 1.0
    assert passes_tests(RIGHT, "# tests\n" + "\n".join(TESTS), walls=WALLS).value == 1.0
    with pytest.raises(ValueError, match="no unit tests"):
        passes_tests(RIGHT, "none")


def test_the_last_block_counts() -> None:
    assert code_in(f"```python\nx = 1\n```\nbetter:\n```python\n{RIGHT}```") == RIGHT
