"""A grader is in service only when it has passed; before Lambda in memory that really runs packages."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.errors import GraderFailure, InvalidGrader
from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings
from airflow_provider_bedrock_rft.core.ports import Invocation
from airflow_provider_bedrock_rft.core.steps.grader import GraderSettings
from airflow_provider_bedrock_rft.grading.service import Order, Place, put_into_service

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[..., str]

DOOR = "from airflow_provider_bedrock_rft.grading import"
GOOD = f"{DOOR} marked_number\n\ndef grade(completion, reference): return marked_number(completion, reference)\n"
WEAK = "def grade(completion, reference): return float(reference in completion)\n"
ELSEWHERE = "import os\n" + GOOD.replace(
    "return marked", "return marked_number(completion, '#### 0') if 'SOMEWHERE' in os.environ else marked"
)
JUDGE = f"""{DOOR} bedrock_judge, rft_grader

judge = bedrock_judge("openai.gpt-oss-120b-1:0", "10: right. 0: wrong.")

@rft_grader(on_error="fail")
def grade(sample):
    return judge(sample)
"""
IMAGE = f"123456789012.dkr.ecr.us-west-2.amazonaws.com/graders/maths@sha256:{'a1' * 32}"
SETTINGS = GraderSettings(function_name="maths")
RECORDS = [
    Record(record_id=str(n), messages=(Message(role="user", content=f"{n} + 7?"),), reference=f"#### {n + 7}")
    for n in range(12)
]


def _fakes() -> Any:
    path = Path(__file__).parents[1] / "fakes" / "functions.py"
    if "tests_fakes_functions" not in sys.modules:
        spec = importlib.util.spec_from_file_location("tests_fakes_functions", path)
        assert spec
        assert spec.loader
        sys.modules["tests_fakes_functions"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["tests_fakes_functions"])
    return sys.modules["tests_fakes_functions"]


@pytest.fixture
def place() -> Any:
    fakes = _fakes()
    functions = fakes.FakeFunctions()
    return Place(functions=functions, roles=fakes.FakeRoles(), objects=fakes.FakeObjects(functions), clock=FakeClock())


def order(source: str = "", **wishes: Any) -> Order:
    return Order(**{"settings": SETTINGS, "source": source, "records": RECORDS, **wishes})


def test_a_good_grader_is_tried_deployed_compared_and_given_the_alias(place: Any, grader_file: Write) -> None:
    done = put_into_service(order(grader_file(GOOD)), place)
    assert done.report
    assert done.report.passed
    assert done.deployed.version == "1"
    assert place.functions.functions["maths"].aliases == {"live": "1"}
    calls = place.functions.trouble.calls
    assert calls.index("publish") < calls.index("invoke") < calls.index("put_alias")


def test_a_grader_that_fails_the_bench_is_not_deployed(place: Any, grader_file: Write) -> None:
    with pytest.raises(InvalidGrader, match=r"graded\.py:grade fails .*\[probe-spray\]") as refused:
        put_into_service(order(grader_file(WEAK)), place)
    assert "probe-spray" in str(refused.value.details["codes"])
    assert place.functions.functions == {}
    assert place.roles.roles == {}


def test_checks_that_do_not_apply_are_skipped(place: Any, grader_file: Write) -> None:
    code = "def grade(completion, reference): return float(completion == reference)\n"
    trial = TrialSettings(skipped=frozenset({"equivalent-writings"}))
    assert put_into_service(order(grader_file(code), trial=trial), place).deployed.version == "1"


def test_a_version_that_scores_otherwise_than_the_local_run_gets_no_alias(place: Any, grader_file: Write) -> None:
    """A library, a variable or a clock that is another one in Lambda."""
    place.functions.preamble = "import os; os.environ['SOMEWHERE'] = 'else'\n"
    with pytest.raises(GraderFailure, match=r"scores \d+ of 36 samples differently from the local run"):
        put_into_service(order(grader_file(ELSEWHERE)), place)
    assert place.functions.functions["maths"].aliases == {}


def test_without_a_dataset_nothing_is_tried(place: Any, grader_file: Write) -> None:
    done = put_into_service(order(grader_file(WEAK), records=()), place)
    assert (done.report, done.deployed.version) == (None, "1")
    assert "invoke" not in place.functions.trouble.calls


def test_a_dataset_without_references_still_compares_the_version(place: Any, grader_file: Write) -> None:
    bare = [replace(record, reference=None) for record in RECORDS]
    trial = TrialSettings(skipped=frozenset({"dataset-gradable"}))
    code = "def grade(completion, prompt): return float(prompt[:1] in completion)\n"
    put_into_service(order(grader_file(code), records=bare, trial=trial), place)
    assert "invoke" in place.functions.trouble.calls


def test_source_or_image_and_not_both(grader_file: Write) -> None:
    for wishes in ({"source": ""}, {"source": grader_file(GOOD), "image_uri": IMAGE}):
        with pytest.raises(InvalidGrader, match="give one of both"):
            order(**wishes)


class InImage:
    """Stands for an image's code: replies as a handler would, with Lambda's own log."""

    def __init__(self, place: Any, handler: Callable[[Any], object]) -> None:
        self._handler = handler
        place.functions.invoke = self.invoke

    def invoke(self, arn: str, payload: bytes) -> Invocation:
        del arn
        log = "REPORT RequestId: 1\tDuration: 1.50 ms\tBilled Duration: 2 ms\tMax Memory Used: 91 MB"
        return Invocation(payload=json.dumps(self._handler(json.loads(payload))).encode(), log_tail=log)


def handler_of(grade: Callable[[str, object], float]) -> Callable[[Any], object]:
    from airflow_provider_bedrock_rft.grading import rft_grader

    def graded(completion: str, reference: object) -> float:
        return grade(completion, reference)

    return rft_grader(graded).lambda_handler


def test_an_image_goes_through_the_same_bench_by_way_of_lambda(place: Any) -> None:
    from airflow_provider_bedrock_rft.grading import marked_number

    InImage(place, handler_of(lambda completion, reference: marked_number(completion, reference).value))
    done = put_into_service(order(image_uri=IMAGE), place)
    assert done.report
    assert done.report.passed
    assert done.report.latency_ms["p50"] == pytest.approx(1.5)
    memory = next(check for check in done.report.checks if check.code == "memory")
    assert memory.value == 91
    assert place.functions.functions["maths"].aliases == {"live": "1"}


def test_an_image_that_fails_the_bench_is_published_and_nobody_is_sent_to_it(place: Any) -> None:
    InImage(place, handler_of(lambda completion, reference: float(str(reference) in completion)))
    with pytest.raises(InvalidGrader, match=r"\[probe-spray\]"):
        put_into_service(order(image_uri=IMAGE), place)
    assert place.functions.functions["maths"].aliases == {}


LABELLED = [
    Record(
        record_id=f"l{n}",
        messages=(Message(role="user", content=f"{n} + 7?"),),
        reference=str(n + 7),
        metadata={"completion": str(n + 7) if n % 2 else "no idea", "label": float(n % 2)},
    )
    for n in range(60)
]


def test_a_judge_without_labels_is_refused_before_anything_is_made(place: Any, grader_file: Write) -> None:
    with pytest.raises(InvalidGrader, match="nothing shows that it agrees with people") as refused:
        put_into_service(order(grader_file(JUDGE), records=()), place)
    assert "30 completions" in refused.value.action
    assert "allow_uncalibrated_judge" in refused.value.action
    assert place.functions.functions == {}


def test_a_judge_of_ones_own_is_known_by_what_it_reaches_for(place: Any, grader_file: Write) -> None:
    code = (
        "import boto3\nclient = None\ndef grade(completion):\n    return boto3.client('bedrock-runtime') is not None\n"
    )
    with pytest.raises(InvalidGrader, match="asks a model to judge"):
        put_into_service(order(grader_file(code), records=()), place)


def test_a_judge_may_be_deployed_uncalibrated_on_purpose(place: Any, grader_file: Write) -> None:
    wish = order(
        grader_file(JUDGE),
        records=(),
        allows_uncalibrated=True,
        judge_models=["arn:aws:bedrock:us-west-2::foundation-model/openai.gpt-oss-120b-1:0"],
    )
    assert put_into_service(wish, place).calibration is None
    _, policy, _ = place.roles.roles["maths-role"]
    assert policy["Statement"][0]["Action"] == ["bedrock:InvokeModel"]
    assert policy["Statement"][0]["Resource"] == list(wish.judge_models)


@pytest.mark.parametrize(("n_wrong", "agrees"), [(0, True), (25, False)])
def test_a_judge_is_held_to_people_as_it_would_train(
    place: Any, grader_file: Write, *, n_wrong: int, agrees: bool
) -> None:
    """The judge in Lambda says 1 to right answers, and to the first ``n_wrong`` wrong ones."""

    def judged(event: Any) -> object:
        assert all("label" not in sample["metadata"] for sample in event), "the judge is shown people's verdict"
        right = [
            float(sample["messages"][-1]["content"] != "no idea" or int(sample["id"].split("-")[1]) < 2 * n_wrong)
            for sample in event
        ]
        return [
            {"id": sample["id"], "aggregate_reward_score": score} for sample, score in zip(event, right, strict=True)
        ]

    InImage(place, judged)
    wish = order(grader_file(JUDGE), records=(), labelled=LABELLED)
    if agrees:
        done = put_into_service(wish, place)
        assert done.calibration
        assert (done.calibration.n, done.calibration.kappa) == (60, 1.0)
        assert place.functions.functions["maths"].aliases == {"live": "1"}
    else:
        with pytest.raises(InvalidGrader, match="agrees too little with people") as refused:
            put_into_service(wish, place)
        assert "Sharpen the rubric" in refused.value.action
        assert place.functions.functions["maths"].aliases == {}


def test_a_judge_that_fails_on_labels_says_how(place: Any, grader_file: Write) -> None:
    def failing(event: Any) -> object:
        metric = {"name": "grader_error", "value": 1.0, "type": "Metric"}
        kind = {"name": "grader_error.AccessDeniedException", "value": 1.0, "type": "Metric"}
        return [{"id": sample["id"], "aggregate_reward_score": 0.0, "metrics_list": [metric, kind]} for sample in event]

    InImage(place, failing)
    with pytest.raises(GraderFailure, match=r"failed on 60 of 60 labelled completions: AccessDeniedException"):
        put_into_service(order(grader_file(JUDGE), records=(), labelled=LABELLED), place)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"label": 1}, "no text 'completion'"),
        ({"completion": "x"}, "label of the labelled record 'l0' is None"),
        ({"completion": "x", "label": 7}, "is 7"),
        ({"completion": "x", "label": float("nan")}, "is nan"),
        ({"completion": "x", "label": "good"}, "is 'good'"),
    ],
)
def test_labels_that_cannot_be_read_are_named(
    place: Any, grader_file: Write, metadata: dict[str, object], message: str
) -> None:
    labelled = [replace(LABELLED[0], metadata=metadata), *LABELLED[1:]]
    with pytest.raises(InvalidGrader, match=message):
        put_into_service(order(grader_file(JUDGE), records=(), labelled=labelled), place)


def test_too_few_labels_are_too_few(place: Any, grader_file: Write) -> None:
    InImage(place, lambda event: [{"id": sample["id"], "aggregate_reward_score": 1.0} for sample in event])
    with pytest.raises(InvalidGrader, match="at least 30"):
        put_into_service(order(grader_file(JUDGE), records=(), labelled=LABELLED[:29]), place)


def test_what_a_layer_provides_is_not_packaged(grader_file: Write) -> None:
    from airflow_provider_bedrock_rft.grading.source import read_source

    code = (
        f"{DOOR} maths_equivalent\ndef grade(completion, reference): return maths_equivalent(completion, reference)\n"
    )
    whole, layered = read_source(grader_file(code)), read_source(grader_file(code), layered=["math-verify"])
    assert whole.requirements == layered.requirements
    assert any(pin.startswith("sympy==") for pin in whole.packaged), "what it requires in turn"
    assert not any(pin.startswith(("sympy==", "math-verify==")) for pin in layered.packaged)
    assert whole.fingerprint != layered.fingerprint
