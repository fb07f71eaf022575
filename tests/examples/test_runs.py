"""Example DAGs run, against the emulator, and end as their docstrings say; with ``RFT_SOAK=1`` all of them.

Two of them run in ``tests/e2e`` instead, under a real scheduler: ``recurring_retraining`` and ``retraining_with_approval``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from airflow_provider_bedrock_rft.cli.word_problems import generate_problems
from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session
from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
from airflow_provider_bedrock_rft.core.steps.promotion import champion_of, promote

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
BUCKET = "bedrock-rft-demo"
DATASET = f"s3://{BUCKET}/datasets/word_problems.jsonl"
POISONED = f"s3://{BUCKET}/datasets/poisoned.jsonl"
PUBLISHED = "arn:aws:lambda:us-west-2:123456789012:function:bedrock-rft-tutor:1"  # by asset_triggered_retraining
KEYS = {"aws_access_key_id": "AKIALOCALEMULATOR001", "aws_secret_access_key": "local-emulator-secret"}
AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
N_PROBLEMS, N_OF_DOMAIN, N_ASKED = 240, 170, 170
DOMAINS = ("banking_criteria", "legal_citation", "maintenance_codes", "mathematics", "moderation", "unit_tests")
ALWAYS = [
    {"dag_id": "new_dataset"},
    {"dag_id": "asset_triggered_retraining"},
    {"dag_id": "feedback_driven_retraining"},
    {"dag_id": "hyperparameter_sweep"},
    {"dag_id": "several_regions"},
    {"dag_id": "dataset_refused", "conf": {"dataset": POISONED}},
    {"dag_id": "evaluate_model", "conf": {"dataset": DATASET, "grader": PUBLISHED}},
    {"dag_id": "rollback", "conf": {"reason": "It was a mistake."}},
]
AT_LENGTH = [
    {"dag_id": "scheduled_or_new_data"},
    {"dag_id": "readiness_first"},
    {"dag_id": "best_checkpoint"},
    {"dag_id": "several_models"},
    {"dag_id": "native_nova_retraining"},
    *({"dag_id": f"retrain_{domain}"} for domain in DOMAINS),
]
"""With ``RFT_SOAK=1``: what differs from the others in one part only."""
RUNS = [*ALWAYS, *(AT_LENGTH if os.environ.get("RFT_SOAK") else [])]
PROMOTING = [
    "asset_triggered_retraining",
    "scheduled_or_new_data",
    "feedback_driven_retraining",
    "readiness_first",
    "best_checkpoint",
]
"""What is made by ``retraining_pipeline``, on word problems."""

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("examples"),
    pytest.mark.skipif(AIRFLOW < (3, 3), reason="DAG.test waits for people's answers from Airflow 3.3 on"),
]


class Endings(dict[str, Any]):
    """By DAG; a test about one that did not run is skipped."""

    def __missing__(self, dag_id: str) -> Any:
        pytest.skip(f"{dag_id} runs with RFT_SOAK=1")


def session_in(region: str, url: str) -> Session:
    return Session(
        ClientConfig(
            region=region,
            endpoint_url=url,
            session_factory=lambda: boto3.session.Session(region_name=region, **KEYS),
        )
    )


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of an emulator with what the examples expect in its account."""
    command = [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator", "--speed", "200", "--data-dir"]
    with subprocess.Popen(
        [*command, str(tmp_path_factory.mktemp("emulator"))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout
        started = process.stdout.readline().split()[1]
        try:
            prepare(session_in("us-west-2", started))
            yield started
        finally:
            process.terminate()


def prepare(session: Session) -> None:
    session.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    problems = list(generate_problems(N_PROBLEMS, seed=11))
    put(session, DATASET, [json.loads(line) for line in problems])
    session.objects.put_bytes(POISONED, ("\n".join(problems) + '\n{"messages": [\n').encode())
    for domain in DOMAINS:
        put(session, f"s3://{BUCKET}/datasets/{domain}.jsonl", [record(domain, n) for n in range(N_OF_DOMAIN)])
    ask_in_production(session)
    for model in ("openai.gpt-oss-20b", "ft:mistaken"):
        promote(
            session.parameters,
            registry=Registry(pipeline="recurring_retraining"),
            model=model,
            promotion_id=model,
            actor="somebody",
            reason="For the rollback.",
            clock=session_clock(),
        )


def session_clock() -> Any:
    from airflow_provider_bedrock_rft.clients.system_clock import SystemClock

    return SystemClock()


def put(session: Session, uri: str, records: list[dict[str, Any]]) -> None:
    session.objects.put_bytes(uri, "".join(f"{json.dumps(one)}\n" for one in records).encode())


def record(domain: str, n: int) -> dict[str, Any]:
    """A record as the domain's grader describes it; no two prompts are near each other."""
    code = f"E-{n:03}"
    prompt, reference = {
        "banking_criteria": (
            f"Applicant {n}: income {n * 137}, debt {n * 31}. Decide.",
            {"decision": "approve" if n % 2 else "decline", "amount": n * 100, "reasons": ["income"]},
        ),
        "legal_citation": (
            f"Case {n}: may file {n * 7919} be shared?",
            {"answer": "yes" if n % 2 else "no", "citations": [f"Art. {n % 9 + 1}"]},
        ),
        "maintenance_codes": (f"Pump {n} reports {code}. File it.", {"code": code, "level": n % 4}),
        "mathematics": (f"What is {n} + {n * 17}?", str(n * 18)),
        "moderation": (f"Post {n}: message {n * 104729}.", ("allow", "review", "block")[n % 3]),
        "unit_tests": (
            f"Write f(x) that adds {n}.",
            {"tests": [f"assert f(1) == {n + 1}", f"assert f(-2) == {n - 2}"]},
        ),
    }[domain]
    solution = {
        "legal_citation": f"See Art. {n % 9 + 1}.\nThe answer is {'yes' if n % 2 else 'no'}",
        "unit_tests": f"def f(x):\n    return x + {n}",
    }.get(domain)
    shown = {} if solution is None else {"solution": solution}
    return {"messages": [{"role": "user", "content": prompt}], "reference_answer": reference, **shown}


def ask_in_production(session: Session) -> None:
    """The application asks a model; Bedrock logs it, and people say what would have been right."""
    session.client("bedrock").put_model_invocation_logging_configuration(
        loggingConfig={"s3Config": {"bucketName": BUCKET, "keyPrefix": "invocation-logs"}}
    )
    answers = []
    for line in generate_problems(N_ASKED, seed=12):
        problem = json.loads(line)
        reply = session.client("bedrock-runtime").converse(
            modelId="us.amazon.nova-2-lite-v1:0",
            messages=[{"role": "user", "content": [{"text": problem["messages"][-1]["content"]}]}],
            requestMetadata={"app": "tutor"},
        )
        request_id = reply["ResponseMetadata"]["RequestId"]
        answers.append({"request_id": request_id, "reference_answer": problem["reference_answer"]})
    put(session, f"s3://{BUCKET}/feedback/answers.jsonl", answers)
    give_up_at = time.monotonic() + 60
    while len(list(session.objects.list(f"s3://{BUCKET}/invocation-logs/"))) < N_ASKED:
        assert time.monotonic() < give_up_at
        time.sleep(0.2)


@pytest.fixture(scope="module")
def endings(url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How each run ended; one process for all, since starting Airflow takes longer than most runs."""
    script = Path(__file__).with_name("run_examples.py")
    home = tmp_path_factory.mktemp("airflow")
    command = [sys.executable, str(script), str(home), str(ROOT / "example_dags"), url, json.dumps(RUNS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=880, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return Endings(json.loads(done.stdout.splitlines()[-1]))


def only(found: Any) -> Any:
    (one,) = found
    return one


@pytest.mark.parametrize("request_", RUNS, ids=lambda request_: request_["dag_id"])
def test_it_ends_as_it_should(endings: dict[str, Any], request_: dict[str, Any]) -> None:
    ending = endings[request_["dag_id"]]
    expected = "failed" if request_["dag_id"] == "dataset_refused" else "success"
    assert ending["state"] == expected, ending["tasks"]


@pytest.mark.parametrize("dag_id", PROMOTING)
def test_a_better_model_is_promoted_after_one_job(endings: dict[str, Any], url: str, dag_id: str) -> None:
    outputs = endings[dag_id]["outputs"]
    job = only(outputs["retraining.train"])
    assert job["kind"] == "rft.job"
    assert only(outputs["retraining.promotion_gate"])["verdict"] == "promote", outputs["retraining.promotion_gate"]
    pipeline = "tutor" if dag_id == "asset_triggered_retraining" else dag_id
    champion = champion_of(session_in("us-west-2", url).parameters, registry=Registry(pipeline=pipeline))
    assert champion
    assert champion.model == only(outputs["retraining.promote"])["model"]


def test_no_run_made_a_job_too_many(endings: dict[str, Any], url: str) -> None:
    made = {
        job["job_id"]
        for ending in endings.values()
        for task_id, found in ending["outputs"].items()
        if task_id.split(".")[-1] == "train"
        for job in found
    }
    planes = (session_in("us-west-2", url).training, session_in("us-east-1", url).native_training)
    there = {job.job_id for plane in planes for job in plane.list_jobs(created_after=0.0)}
    assert there == made


def test_the_sweep_tests_once_what_it_chose_on_other_prompts(endings: dict[str, Any]) -> None:
    outputs = endings["hyperparameter_sweep"]["outputs"]
    assert len(outputs["train"]) == len(outputs["choose_checkpoint"]) == 3
    chosen = only(outputs["choose_setting"])
    means = [score["mean"]["value"] for score in outputs["score"]]
    assert chosen == outputs["choose_checkpoint"][means.index(max(means))]
    assert only(outputs["evaluate_tuned"])["model"] == chosen["checkpoint"]["model"]


def test_the_best_of_several_models_is_compared(endings: dict[str, Any]) -> None:
    outputs = endings["several_models"]["outputs"]
    assert {job["model"] for job in outputs["train"]} == {"openai.gpt-oss-20b", "qwen.qwen3-32b"}
    best = max(outputs["score"], key=lambda score: score["mean"]["value"])["model"]
    assert only(outputs["promotion_gate"])["candidate_model"] == best


def test_each_place_has_a_champion_of_its_own(endings: dict[str, Any], url: str) -> None:
    outputs = endings["several_regions"]["outputs"]
    places = [
        ("on_mantle", 0, "us-west-2", "places_gpt_oss"),
        ("on_mantle", 1, "us-west-2", "places_qwen"),
        ("native", 0, "us-east-1", "places_nova"),
    ]
    for group, n, region, pipeline in places:
        champion = champion_of(session_in(region, url).parameters, registry=Registry(pipeline=pipeline))
        verdict = outputs[f"{group}.promotion_gate"][n]["verdict"]
        assert (champion is not None) is (verdict == "promote"), pipeline
        if champion:
            assert champion.model == outputs[f"{group}.evaluate_tuned"][n]["model"]
    assert outputs["on_mantle.promotion_gate"][0]["verdict"] == "promote"


def test_what_was_asked_in_production_is_trained_on(endings: dict[str, Any]) -> None:
    outputs = endings["feedback_driven_retraining"]["outputs"]
    assert only(outputs["import_logs"])["n_records"] == N_ASKED
    assert only(outputs["add_answers"])["n_records"] == N_ASKED


def test_a_nova_model_answers_through_a_deployment(endings: dict[str, Any]) -> None:
    ending = endings["native_nova_retraining"]
    verdict = only(ending["outputs"]["promotion_gate"])["verdict"]
    followed = {task_id: only(ending["tasks"][task_id]) for task_id in ("promote", "delete_deployment")}
    wanted = ("success", "skipped") if verdict == "promote" else ("skipped", "success")
    assert (followed["promote"], followed["delete_deployment"]) == wanted


def test_a_refused_dataset_costs_nothing(endings: dict[str, Any]) -> None:
    tasks = endings["dataset_refused"]["tasks"]
    assert only(tasks["check_dataset"]) == "failed"
    assert only(tasks["tell_the_owner"]) == "success"
    assert only(tasks["retraining.train"]) == "upstream_failed"


def test_the_champion_before_serves_again(endings: dict[str, Any], url: str) -> None:
    assert only(endings["rollback"]["outputs"]["rollback"])["model"] == "openai.gpt-oss-20b"
    champion = champion_of(session_in("us-west-2", url).parameters, registry=Registry(pipeline="recurring_retraining"))
    assert champion
    assert champion.model == "openai.gpt-oss-20b"


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_domain_is_trained_and_decided_on(endings: dict[str, Any], domain: str) -> None:
    outputs = endings[f"retrain_{domain}"]["outputs"]
    assert only(outputs["retraining.train"])["kind"] == "rft.job"
    assert only(outputs["retraining.promotion_gate"])["verdict"] in {"promote", "hold", "reject"}


def test_every_example_runs_here_or_under_a_scheduler(parsed: dict[str, Any]) -> None:
    started_by_assets = {"champion_changed"}
    under_a_scheduler = {"recurring_retraining", "retraining_with_approval", "retraining_with_approval_rollback"}
    by_a_person = {"human_approval"}  # in a browser: docs/walk.py; its approval also in tests/e2e/test_approval.py
    here = {run["dag_id"] for run in (*ALWAYS, *AT_LENGTH)}
    assert set(parsed["dags"]) - started_by_assets - under_a_scheduler - by_a_person == here
