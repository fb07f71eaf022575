"""A grader out of a DAG's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.errors import InvalidGrader
from airflow_provider_bedrock_rft.core.grader.package import build_package
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample
from airflow_provider_bedrock_rft.grading.source import read_source
from airflow_provider_bedrock_rft.grading.workshop import local_scores, require_importable

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[..., str]

DAG_FILE = '''
"""A DAG."""
from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow.sdk import DAG, task

from airflow_provider_bedrock_rft.grading import marked_number, rft_grader
from beside import SCALE

if TYPE_CHECKING:
    from collections.abc import Mapping

FULL, LESS = 1.0, 0.5
UNUSED = datetime(2026, 1, 1, tzinfo=timezone.utc)
WORD = re.compile(r"\\bplease\\b")


class Courtesy:
    """Half for a word."""

    def of(self, text: str) -> float:
        return FULL if WORD.search(text) else LESS


def factor(completion: str) -> float:
    return Courtesy().of(completion) * SCALE


with DAG("d", start_date=UNUSED) as dag:

    @task.rft_grader(function_name="polite", requirements=[])
    @rft_grader(on_error="fail")
    def grade(completion: str, reference: object, metadata: Mapping[str, object]) -> float:
        """Right, and polite."""
        return factor(completion) * sum(marked_number(completion, reference).value for _ in range(1))

    @task.rft_grader
    def other(completion: str) -> float:
        return float(len(completion) > 3)

    grade() >> other()
'''


def test_a_grader_in_a_dag_leaves_the_dag_behind(grader_file: Write) -> None:
    path = grader_file(DAG_FILE, {"beside": "SCALE = 1.0\n"})
    source = read_source(f"{path}:grade")
    assert source.origin == "graded.py:grade"
    own = source.files["grade_of_dag.py"].decode()
    assert "airflow.sdk" not in own
    assert "DAG(" not in own
    assert "UNUSED" not in own
    assert "@rft_grader(on_error='fail')" in own
    assert {"beside.py", "_rft_entry.py"} <= source.files.keys()
    require_importable(build_package(source))
    samples = [
        GraderSample(sample_id=name, completion=text, reference="#### 7")
        for name, text in {"a": "please: #### 7", "b": "#### 7", "c": "please: #### 8"}.items()
    ]
    assert local_scores(f"{path}:grade", samples) == {"a": 1.0, "b": 0.5, "c": 0.1}
    assert local_scores(f"{path}:other", samples[:1]) == {"a": 1.0}


def test_several_want_a_name_and_changes_of_the_dag_change_nothing(grader_file: Write) -> None:
    path = grader_file(DAG_FILE, {"beside": "SCALE = 1.0\n"})
    with pytest.raises(InvalidGrader, match="several graders: grade, other"):
        read_source(path)
    before = read_source(f"{path}:grade").fingerprint
    grader_file(DAG_FILE.replace('DAG("d"', 'DAG("e"').replace("UNUSED = datetime(2026", "UNUSED = datetime(2027"))
    assert read_source(f"{path}:grade").fingerprint == before
    grader_file(DAG_FILE.replace("LESS = 1.0, 0.5", "LESS = 1.0, 0.6"))
    assert read_source(f"{path}:grade").fingerprint != before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return float(bool(DAG))", "uses 'DAG' of Airflow"),
        ("return float(bool(dag))", "uses 'dag', which is not made at the top level"),
        ("return local", "uses 'local', which is not made at the top level"),
    ],
)
def test_what_cannot_travel_is_named(grader_file: Write, body: str, message: str) -> None:
    code = (
        "from airflow.sdk import DAG, task\n\nwith DAG('d') as dag:\n    local = 1.0\n\n"
        f"    @task.rft_grader\n    def grade(completion):\n        {body}\n"
    )
    with pytest.raises(InvalidGrader, match=message) as refused:
        read_source(grader_file(code))
    assert "line 7" in str(refused.value)


def test_comprehensions_handlers_and_inner_functions_are_their_own(grader_file: Write) -> None:
    code = (
        "from airflow.sdk import task\n\n@task.rft_grader\ndef grade(completion, *rest, **more):\n"
        "    import math as m\n    def inner(x, y=2): return x + y\n    total = 0\n"
        "    for word in [w for w in completion.split() if w]:\n        total += len(word)\n"
        "    try:\n        return m.sqrt(inner(total)) * (lambda z: z)(1)\n"
        "    except ValueError as error:\n        raise RuntimeError(str(error)) from error\n"
    )
    assert local_scores(grader_file(code), [GraderSample(sample_id="a", completion="ab")]) == {"a": 2.0}
