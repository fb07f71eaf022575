"""What the overview says of the newest job and its cost, and what a run says of readiness, samples and checkpoints."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.codec import canonical_json, dump
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.errors import ConnectionLost
from airflow_provider_bedrock_rft.core.evaluation.estimate import TooFewSamples
from airflow_provider_bedrock_rft.core.evaluation.readiness import assess
from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun, ScoredCompletion
from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores
from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
from airflow_provider_bedrock_rft.plugin.app import configured_price
from airflow_provider_bedrock_rft.plugin.facts import Output, Pipeline, Task
from airflow_provider_bedrock_rft.plugin.metadata import params_in
from airflow_provider_bedrock_rft.plugin.views.curve import curve_view
from airflow_provider_bedrock_rft.plugin.views.evaluator import evaluator_views
from airflow_provider_bedrock_rft.plugin.views.pulse import Price, cost_of
from airflow_provider_bedrock_rft.plugin.views.samples import Answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    Browser = Callable[..., TestClient]

pytestmark = pytest.mark.airflow

TRAIN, EVALUATE = "BedrockRftCreateJobOperator", "BedrockRftEvaluateModelOperator"
JOB = Job(job_id="j", status="succeeded", model="base", training_data="f", grader_arn="g", created_at=0.0)
EVALUATION = EvaluationRun(
    model="tuned", grader_arn="arn:g:7", uri="s3://bucket/tuned.jsonl", prompts_fingerprint="p", n_samples=3,
    completions_per_sample=1, mean=None, n_requests=3, n_truncated=0, n_grader_errors=1, prompt_tokens=1,
    completion_tokens=1, median_latency_ms=1.0,
)  # fmt: skip
COMPLETIONS = [
    ScoredCompletion(sample_id="bad", index=0, score=0.1, completion="wrong", metrics={"correct": 0.0, "format": 1.0}),
    ScoredCompletion(sample_id="good", index=0, score=1.0, completion="Right", metrics={"correct": 1.0, "format": 1.0}),
    ScoredCompletion(sample_id="broken", index=0, score=None, completion="?", error="the grader timed out"),
]


def ended(job_id: str, seconds: float) -> Output:
    return Output(task_id="train", map_index=-1, value=dump(replace(JOB, job_id=job_id, finished_at=seconds)))


@pytest.fixture
def pipeline(rows: Any, services: Any) -> Any:
    """A pipeline with a run whose job is ``j``, of which an evaluation was made."""
    rows.dag("tutor", {"train": TRAIN, "evaluate": EVALUATE, "assess": "BedrockRftAssessReadinessOperator"})
    number = rows.run("tutor", "first", state="running")
    rows.task("tutor", "first", "train", TRAIN, number=number, outputs={"job_id": "j"}, state="deferred")
    rendered = {"dataset": "s3://bucket/test.jsonl"}
    made = {"return_value": dump(EVALUATION)}
    rows.task("tutor", "first", "evaluate", EVALUATE, number=number, outputs=made, rendered=rendered)
    services.train("j", n_steps=40, status="running", total=80)
    services.files["s3://bucket/tuned.jsonl"] = b"".join(canonical_json(one) + b"\n" for one in COMPLETIONS)
    return rows


class TestCost:
    def test_counts_every_job_once_and_the_one_that_runs_until_now(self) -> None:
        outputs = [ended("a", 3600.0), ended("a", 3600.0), ended("b", 1800.0)]
        running = curve_view(replace(JOB, job_id="c", status="running"), Curve(), (), now=0.0)
        cost = cost_of(outputs, Price(per_hour=10.0, currency="EUR"), running, now=1800.0)
        assert (cost.n_jobs, cost.seconds, cost.amount, cost.currency) == (3, 7200.0, 20.0, "EUR")

    def test_says_how_many_jobs_it_knows_nothing_of(self) -> None:
        outputs = [ended("a", 60.0), Output(task_id="train", map_index=-1, value="failed-job")]
        cost = cost_of(outputs, Price(), None, now=0.0)
        assert (cost.n_jobs, cost.n_unknown, cost.amount) == (1, 1, None)

    @pytest.mark.parametrize(("said", "price"), [("36.5", 36.5), ("", None), ("a lot", None)])
    def test_is_by_the_price_list_in_the_settings(
        self, said: str, price: float | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW__BEDROCK_RFT__TRAINING_COST_PER_HOUR", said)
        assert configured_price() == Price(per_hour=price, currency="USD")


@pytest.mark.usefixtures("pipeline")
def test_the_pulse_tells_of_reward_progress_alarms_and_cost(client: Browser, services: Any) -> None:
    services.events["j"] = [replace(one, metrics={"critic_rewards_mean": 0.25}) for one in services.events["j"]]
    pulse = client("viewer").get("/api/dags/tutor/pulse").json()
    assert (pulse["run_id"], pulse["job_id"], pulse["is_running"]) == ("first", "j", True)
    assert (pulse["last_step"], pulse["total_steps"]) == (40, 80)
    assert {value for _, value in pulse["reward"]["points"]} == {0.25}
    assert "equal-rewards" in [one["title"] for one in pulse["alarms"]]
    assert (pulse["cost"]["n_jobs"], pulse["cost"]["currency"]) == (1, "EUR")


@pytest.mark.usefixtures("pipeline")
def test_a_pulse_that_cannot_be_felt_is_said_and_the_rest_is_there(client: Browser, services: Any) -> None:
    services.failure = ConnectionLost("No answer from the endpoint.", action="Check the network.")
    pulse = client("viewer").get("/api/dags/tutor/pulse").json()
    assert "No answer from the endpoint." in pulse["notes"][0]["text"]
    assert (pulse["reward"], pulse["cost"]["n_unknown"]) == (None, 1)


def test_a_pipeline_without_a_job_has_a_quiet_pulse(client: Browser, rows: Any) -> None:
    rows.dag("quiet", {"evaluate": EVALUATE})
    pulse = client("viewer").get("/api/dags/quiet/pulse").json()
    assert (pulse["job_id"], pulse["notes"], pulse["cost"]["n_jobs"]) == ("", [], 0)


@pytest.mark.usefixtures("pipeline")
def test_a_stretch_of_the_curve_is_had_in_full(client: Browser, services: Any) -> None:
    services.train("j", n_steps=5000)
    route = "/api/dags/tutor/curve?run_id=first&task_id=train&points=100"
    whole, part = (client("viewer").get(f"{route}{steps}").json() for steps in ("", "&first=2000&last=2050"))
    of = {one["name"]: one["points"] for one in part["series"]}
    assert [step for step, _ in of["reward"]] == list(range(2000, 2051))
    assert len(next(one["points"] for one in whole["series"] if one["name"] == "reward")) <= 100


def test_the_spread_is_about_the_trend() -> None:
    events = [
        JobEvent(event_id=str(step), created_at=0.0, level="info", message="", step=step, metrics={"critic_rewards_mean": float(step % 2)})
        for step in range(1, 21)
    ]  # fmt: skip
    series = {one.name: dict(one.points) for one in curve_view(JOB, Curve().extended(events), (), now=0.0).series}
    for step, mean in series["reward_trend"].items():
        assert series["reward_low"][step] < mean < series["reward_high"][step]


def test_readiness_is_shown_with_its_intervals(client: Browser, pipeline: Any) -> None:
    found = assess([SampleScores(sample_id=f"s{n}", scores=(0.0, float(n % 2))) for n in range(40)])
    assert not isinstance(found, TooFewSamples)
    operator = "BedrockRftAssessReadinessOperator"
    pipeline.task("tutor", "first", "assess", operator, number=1, outputs={"return_value": dump(found)})
    shown = client("viewer").get("/api/dags/tutor/run?run_id=first").json()["readiness"]
    assert (shown["verdict"], shown["n_prompts"], shown["levels"]["teaches"]) == ("go", 40, 20)
    assert shown["usable"]["low"] < 0.5 < shown["usable"]["high"]


def test_a_readiness_that_cannot_be_read_is_left_out(client: Browser, pipeline: Any) -> None:
    operator = "BedrockRftAssessReadinessOperator"
    broken = {"kind": "rft.readiness", "version": 1, "verdict": "go"}
    pipeline.task("tutor", "first", "assess", operator, number=1, outputs={"return_value": broken})
    assert client("viewer").get("/api/dags/tutor/run?run_id=first").json()["readiness"] is None


class TestSamples:
    record = Record(record_id="bad", messages=(Message(role="user", content="How many?"),), reference=7)

    @pytest.mark.parametrize(
        ("order", "names"),
        [
            ("worst", ["bad", "good", "broken"]),
            ("best", ["good", "bad", "broken"]),
            ("file", ["bad", "good", "broken"]),
        ],
    )
    def test_come_by_reward_and_ungraded_ones_last(self, order: str, names: list[str]) -> None:
        page = Answers(COMPLETIONS, {}).page(order, "", offset=0, limit=10)
        assert [one.sample_id for one in page.items] == names

    def test_carry_the_graders_components_and_their_means(self) -> None:
        page = Answers(COMPLETIONS, {"bad": self.record}).page("worst", "", offset=0, limit=1)
        assert (page.total, page.metrics) == (3, {"correct": 0.5, "format": 1.0})
        (sample,) = page.items
        assert (sample.prompt, sample.reference) == ("How many?", "7")
        assert sample.answers[0].metrics == {"correct": 0.0, "format": 1.0}
        assert sum(count for _, count in page.histogram) == 2

    @pytest.mark.parametrize(("search", "n_found"), [("how MANY", 1), ("right", 1), ("broken", 1), ("nowhere", 0)])
    def test_are_searched_in_prompts_completions_and_ids(self, search: str, n_found: int) -> None:
        assert Answers(COMPLETIONS, {"bad": self.record}).page("worst", search, offset=0, limit=10).total == n_found

    def test_of_nothing_graded_have_no_histogram(self) -> None:
        assert Answers(COMPLETIONS[2:], {}).page("worst", "", offset=0, limit=10).histogram == ()


@pytest.mark.usefixtures("pipeline")
def test_an_evaluations_samples_are_served_by_its_task(client: Browser) -> None:
    page = client("viewer").get("/api/dags/tutor/answers?run_id=first&task_id=evaluate&order=best").json()
    assert [one["sample_id"] for one in page["items"]] == ["good", "bad", "broken"]
    assert "prompts cannot be shown" in page["notes"][0]["text"]  # the dataset is no longer there


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("task_id", ["train", "elsewhere"])
def test_a_task_that_has_evaluated_nothing_says_so(client: Browser, task_id: str) -> None:
    reply = client("viewer").get(f"/api/dags/tutor/answers?run_id=first&task_id={task_id}").json()
    assert reply["notes"][0]["severity"] == "info"


@pytest.mark.usefixtures("pipeline")
def test_samples_out_of_reach_are_said(client: Browser, services: Any) -> None:
    services.failure = ConnectionLost("No answer from the endpoint.", action="Check the network.")
    reply = client("viewer").get("/api/dags/tutor/answers?run_id=first&task_id=evaluate").json()
    assert reply["temporary"] is True


class TestEvaluators:
    def pipeline(self, *tasks: Task, params: tuple[str, ...] = ("model", "grader")) -> Pipeline:
        return Pipeline(dag_id="d", tasks=tasks, params=frozenset(params))

    def test_evaluate_the_model_they_are_given_and_train_none(self) -> None:
        given = Task(task_id="e", operator=EVALUATE, model="{{ params.model }}")
        assert self.pipeline(given).is_evaluator
        assert not self.pipeline(given, params=("grader",)).is_evaluator
        assert not self.pipeline(given, Task(task_id="t", operator=TRAIN)).is_evaluator
        assert not self.pipeline(Task(task_id="e", operator=EVALUATE, model="fixed")).is_evaluator

    def test_get_what_they_take_and_only_readers_see_them(self) -> None:
        found = self.pipeline(Task(task_id="e", operator=EVALUATE, model="{{ params.model }}"))
        given = {"grader": "arn", "dataset": "s3://b/d.jsonl", "pipeline": "p"}
        (view,) = evaluator_views([found], frozenset({"d"}), given)
        assert view.conf == {"grader": "arn"}
        assert evaluator_views([found], frozenset({"other"}), given) == []

    @pytest.mark.parametrize("params", [[["model", {}], ["grader", {}]], {"model": {}, "grader": {}}])
    def test_have_params_in_either_spelling(self, params: object) -> None:
        assert params_in({"dag": {"params": params}}) == {"model", "grader"}

    @pytest.mark.parametrize("serialized", [None, {}, {"dag": {}}, {"dag": {"params": [7, []]}}])
    def test_without_params_have_none(self, serialized: object) -> None:
        assert params_in(serialized) == frozenset()

    def test_are_offered_with_the_runs_own_grader_and_dataset(self, client: Browser, pipeline: Any) -> None:
        params = [["model", {}], ["grader", {}], ["dataset", {}]]
        pipeline.dag("judge", {"evaluate": EVALUATE}, params=params, model="{{ params.model }}")
        (found,) = client("viewer").get("/api/dags/tutor/evaluators?run_id=first").json()
        assert found["dag_id"] == "judge"
        assert found["conf"] == {"grader": "arn:g:7", "dataset": "s3://bucket/test.jsonl"}
        assert client("only_tutor").get("/api/dags/tutor/evaluators?run_id=first").json() == []


def test_a_half_written_curve_is_shown_as_far_as_it_goes(client: Browser, pipeline: Any, services: Any) -> None:
    whole = services.events["j"]
    torn = replace(whole[-1], event_id="torn", step=41, metrics={"actor_entropy": float("nan")})
    bare = replace(whole[-1], event_id="bare", step=None, metrics={})
    services.events["j"] = [*whole[:20], *whole[10:], torn, bare]
    assert pipeline
    curve = client("viewer").get("/api/dags/tutor/curve?run_id=first&task_id=train").json()
    points = {one["name"]: one["points"] for one in curve["series"]}
    assert [step for step, _ in points["reward"]] == list(range(1, 41))
    assert points["entropy"][-1][0] == 40
    assert curve["last_step"] == 41


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b'{"sample_id": "new", "index": 0, "score": 0.5, "unheard_of": {"a": 1}}', "items"),
        (b'{"sample_id": "new", "index": 0, "score": {"value": 0.5}}', "notes"),
    ],
)
def test_a_newer_evaluation_is_read_or_said_to_be_unreadable(
    client: Browser, pipeline: Any, services: Any, line: bytes, shown: str
) -> None:
    services.files["s3://bucket/tuned.jsonl"] = line + b"\n"
    assert pipeline
    reply = client("viewer").get("/api/dags/tutor/answers?run_id=first&task_id=evaluate")
    assert reply.status_code == 200
    assert shown in reply.json()
    if shown == "notes":
        assert "items" not in reply.json()
        assert "tuned.jsonl, line 1" in reply.json()["notes"][0]["text"]
