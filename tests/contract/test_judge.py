"""A judge before the emulator: deployed, calibrated against labels, asked through Converse, and trained with."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.errors import GraderFailure, InvalidGrader
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample, Turn
from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters
from airflow_provider_bedrock_rft.core.steps.grader import GraderSettings
from airflow_provider_bedrock_rft.core.steps.grader_versions import invoke_grader
from airflow_provider_bedrock_rft.grading.service import Order, Place, put_into_service

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.clients.session import Session

    from .conftest import Emulator

MODEL = "openai.gpt-oss-120b-1:0"
MODEL_ARN = f"arn:aws:bedrock:us-west-2::foundation-model/{MODEL}"
CONVERSE = r"/model/.*/converse"
JUDGE = """
from airflow_provider_bedrock_rft.grading import bedrock_judge, rft_grader

judge = bedrock_judge("{model}", "10: says what the reference says. 0: does not.", max_tokens={cap}, swap_order={swaps})


@rft_grader(on_error="fail")
def grade(sample):
    return judge(sample)
"""
ANSWERS = ["the parcel is refunded", "the flight is rebooked", "the card is blocked"]


def record(number: int, **metadata: object) -> Record:
    prompt = Message(role="user", content=f"Customer {number} asks what happens now.")
    return Record(record_id=f"r{number}", messages=(prompt,), reference=ANSWERS[number % 3], metadata=metadata)


def labelled(n: int = 40, *, upside_down: bool = False) -> list[Record]:
    """Every second completion is right, and people say so, or the opposite."""
    return [
        record(number, completion=ANSWERS[number % 3] if number % 2 else "hello", label=(number % 2) ^ upside_down)
        for number in range(n)
    ]


@pytest.fixture
def session(emulator: Emulator) -> Session:
    return emulator.session()


@pytest.fixture
def order(tmp_path: Path) -> Any:
    def make(*, cap: int = 0, swaps: bool = True, **wishes: Any) -> Order:
        path = Path(tmp_path, "judged.py")
        path.write_text(JUDGE.format(model=MODEL, cap=cap, swaps=swaps), encoding="utf-8")
        settings = GraderSettings(function_name=f"judge-{uuid.uuid4().hex[:8]}", timeout_seconds=60)
        return Order(settings=settings, source=str(path), judge_models=[MODEL_ARN], **wishes)

    return make


def serve(session: Session, order: Order) -> Any:
    place = Place(functions=session.functions, roles=session.roles, objects=session.objects, clock=SystemClock())
    return put_into_service(order, place)


def sample(completion: str, name: str = "s") -> GraderSample:
    return GraderSample(
        sample_id=name, completion=completion, reference=ANSWERS[0], turns=(Turn("user", "What happens now?"),)
    )


def n_questions(emulator: Emulator) -> int:
    """Requests to Converse that the fault counter saw: it lets them all through, a moment late."""
    return sum(taken["rule"] == "count" for taken in emulator.control("GET", "faults/log")["taken"])


def test_a_judge_that_agrees_with_people_is_put_into_service(session: Session, order: Any) -> None:
    done = serve(session, order(labelled=labelled()))
    assert done.calibration
    assert (done.calibration.n, done.calibration.kappa) == (40, 1.0)
    assert done.calibration.alpha > 0.9
    scores = invoke_grader(session.functions, done.deployed.arn, [sample(ANSWERS[0], "a"), sample("no", "b")])
    assert (scores["a"].value, scores["b"].value) == (1.0, 0.0)
    assert scores["a"].metrics["judge_order_effect"] == 0.0


def test_a_judge_that_people_disagree_with_gets_no_alias(session: Session, order: Any) -> None:
    wish = order(labelled=labelled(upside_down=True))
    with pytest.raises(InvalidGrader, match="agrees too little with people"):
        serve(session, wish)
    assert session.functions.get(wish.settings.function_name, qualifier="live") is None


def test_a_judge_that_may_not_ask_its_model_is_said_to_be_so(emulator: Emulator, session: Session, order: Any) -> None:
    message = "User is not authorized to perform: bedrock:InvokeModel"
    emulator.control("POST", "faults", path=CONVERSE, status=403, code="AccessDeniedException", message=message)
    with pytest.raises(GraderFailure, match="AccessDeniedException"):
        serve(session, order(labelled=labelled()))


def test_both_orders_are_asked_once_each_and_equal_questions_never_again(
    emulator: Emulator, session: Session, order: Any
) -> None:
    arn = serve(session, order(allows_uncalibrated=True)).deployed.arn
    emulator.control("POST", "faults", id="count", path=CONVERSE, latency_seconds=0.001)
    before = n_questions(emulator)
    invoke_grader(session.functions, arn, [sample(ANSWERS[0], "a"), sample(ANSWERS[0], "b"), sample("no", "c")])
    assert n_questions(emulator) - before == 4
    invoke_grader(session.functions, arn, [sample(ANSWERS[0], "d")])
    assert n_questions(emulator) - before == 4


def test_the_cap_on_tokens_ends_the_batch(session: Session, order: Any) -> None:
    arn = serve(session, order(cap=1, allows_uncalibrated=True)).deployed.arn
    with pytest.raises(GraderFailure, match="JudgeBudgetExceeded"):
        invoke_grader(session.functions, arn, [sample(ANSWERS[0])])


def test_a_judge_that_is_throttled_is_asked_again(emulator: Emulator, session: Session, order: Any) -> None:
    arn = serve(session, order(allows_uncalibrated=True)).deployed.arn
    emulator.control("POST", "faults", path=CONVERSE, status=429, code="ThrottlingException", times=2)
    assert invoke_grader(session.functions, arn, [sample(ANSWERS[0])])["s"].value == 1.0


def test_a_job_trains_with_a_judge(emulator: Emulator, session: Session, order: Any, dataset: Path) -> None:
    arn = serve(session, order(swaps=False, labelled=labelled())).deployed.arn
    emulator.control("PATCH", "settings", queued_seconds=0.05)
    file = session.training.upload_file(dataset, name=f"rft-judged-{uuid.uuid4().hex[:8]}.jsonl")
    hyperparameters = RftHyperparameters(n_epochs=1, batch_size=16, learning_rate_multiplier=1.0)
    spec = JobSpec(
        model="openai.gpt-oss-20b", training_data=file.file_id, grader_arn=arn, hyperparameters=hyperparameters
    )
    job_id = session.training.create_job(spec, token=uuid.uuid4().hex).job_id
    try:
        rewards: tuple[float, ...] = ()
        deadline = time.monotonic() + 120
        while len(rewards) < 2:
            assert time.monotonic() < deadline
            rewards = Curve().extended(session.training.list_events(job_id)).series("reward")
            time.sleep(0.1)
        assert all(0.0 <= reward <= 1.0 for reward in rewards)
    finally:
        session.training.cancel_job(job_id)
        emulator.control("PATCH", "settings", queued_seconds=1e6)
