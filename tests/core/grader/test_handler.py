from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.grader.binding import InvalidSignature
from airflow_provider_bedrock_rft.core.grader.contract import EventLayout, build_event, parse_reply
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample, Turn
from airflow_provider_bedrock_rft.grading import HOMES, Reward, rft_grader
from airflow_provider_bedrock_rft.grading import __all__ as public
from airflow_provider_bedrock_rft.grading.handler import Grader, handler_for

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = [
    GraderSample(sample_id="x", completion="4", reference="4", turns=(Turn("system", "s"), Turn("user", "2+2"))),
    GraderSample(sample_id="y", completion="5", reference="4", turns=(Turn("user", "2+2"),)),
]


def exact(completion: str, reference: object) -> float:
    return float(completion == reference)


def run(function: Callable[..., object], layout: EventLayout = EventLayout.MANTLE) -> dict[str, float]:
    reply = handler_for(function)(build_event(SAMPLES, layout), None)  # type: ignore[arg-type]
    return {name: score.value for name, score in parse_reply(json.dumps(reply).encode(), ["x", "y"]).items()}


@pytest.mark.parametrize("layout", EventLayout)
def test_a_plain_function_speaks_every_layout(layout: EventLayout) -> None:
    assert run(exact, layout) == {"x": 1.0, "y": 0.0}


def test_a_decorated_function_is_still_a_function() -> None:
    decorated = rft_grader(exact)
    assert decorated("4", "4") == 1.0
    assert decorated.__name__ == "exact"
    assert run(decorated) == {"x": 1.0, "y": 0.0}


def test_a_grader_may_ask_for_anything_a_sample_has() -> None:
    seen = {}

    @rft_grader
    def grade(completion, reference, prompt, metadata, turns, tools, sample_id, sample):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        seen[sample_id] = (completion, reference, prompt, dict(metadata), len(turns), list(tools), sample.sample_id)
        return 1

    run(grade)
    assert seen["x"] == ("4", "4", "2+2", {}, 2, [], "x")


def test_a_grader_that_asks_for_something_else_is_refused_when_it_is_made() -> None:
    with pytest.raises(InvalidSignature, match="'answer'"):
        Grader(lambda answer: 1.0)  # noqa: ARG005


def test_defaults_and_catch_alls_are_left_alone() -> None:
    assert run(lambda completion, weight=0.5: weight)["x"] == 0.5  # noqa: ARG005
    assert run(lambda **everything: float(everything["sample_id"] == "x"))["x"] == 1.0


@pytest.mark.parametrize(
    ("verdict", "value"), [(True, 1.0), (False, 0.0), (1, 1.0), (0.25, 0.25), (Reward(0.5, components={"a": 1.0}), 0.5)]
)
def test_numbers_truth_values_and_rewards_are_verdicts(verdict: object, value: float) -> None:
    assert run(lambda completion: verdict)["x"] == value  # noqa: ARG005


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        (None, "RewardAbsent"),
        ("1.0", "InvalidReward"),
        (math.nan, "RewardNotFinite"),
        (math.inf, "RewardNotFinite"),
        ([1.0], "InvalidReward"),
        ({"score": 1.0}, "InvalidReward"),
    ],
)
def test_anything_else_is_scored_at_the_floor_and_said_so(
    verdict: object, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    grader = rft_grader(floor=-1.0)(lambda completion: verdict)  # noqa: ARG005
    reply = grader.lambda_handler(build_event(SAMPLES))
    scores = parse_reply(json.dumps(reply).encode(), ["x", "y"])
    assert scores["x"].value == -1.0
    assert scores["x"].metrics == {"grader_error": 1.0, f"grader_error.{kind}": 1.0}
    assert kind in capsys.readouterr().err


@pytest.mark.parametrize("error", [ValueError("secret 4"), KeyError("secret"), SystemExit(3), RecursionError()])
def test_one_bad_sample_does_not_fail_the_batch_and_its_content_is_not_logged(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    def grade(completion: str) -> float:
        if completion == "5":
            raise error
        return 1.0

    assert run(grade) == {"x": 1.0, "y": 0.0}
    logged = capsys.readouterr().err
    assert f"sample 'y': {type(error).__name__} at test_handler.py:" in logged
    assert "secret" not in logged


def test_content_is_logged_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    @rft_grader(log_content=True)
    def grade(completion: str) -> float:
        raise ValueError(completion)

    run(grade)
    assert "ValueError" in (logged := capsys.readouterr().err)
    assert ": 5" in logged


def test_failing_the_batch_can_be_chosen() -> None:
    @rft_grader(on_error="fail")
    def grade(completion: str) -> float:
        raise ValueError(completion)

    with pytest.raises(ValueError, match="4"):
        run(grade)


def test_an_envelope_can_be_forced() -> None:
    reply = rft_grader(envelope=True)(exact).lambda_handler(build_event(SAMPLES))
    assert isinstance(reply, dict)
    assert len(json.loads(reply["body"])) == 2


def test_an_empty_batch_is_answered_with_an_empty_list() -> None:
    assert rft_grader(exact).lambda_handler([]) == []


def test_a_reward_refuses_what_cannot_train() -> None:
    with pytest.raises(ValueError, match="finite"):
        Reward(1.0, components={"a": math.nan})


def test_the_door_lists_what_it_opens() -> None:
    from airflow_provider_bedrock_rft import grading

    assert sorted(HOMES) == sorted(public)
    assert all(getattr(grading, name) is not None for name in public)
    with pytest.raises(AttributeError):
        grading.nothing  # noqa: B018


def test_the_door_loads_nothing_heavy() -> None:
    import subprocess

    code = "import sys, airflow_provider_bedrock_rft.grading as g; g.rft_grader, g.marked_number, g.weighted_sum; print([m for m in sys.modules if m.split('.')[0] in {'boto3', 'airflow', 'msgspec', 'sympy', 'openai'}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
