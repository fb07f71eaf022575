from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.identifiers import S3Uri
from airflow_provider_bedrock_rft.core.job.attempt import Attempt, answers_to
from airflow_provider_bedrock_rft.core.job.identity import attempt_token, job_name, task_key
from airflow_provider_bedrock_rft.core.job.job import Job
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters

SPEC = JobSpec(
    model="openai.gpt-oss-20b",
    training_data="file-1",
    grader_arn="arn:aws:lambda:us-west-2:123456789012:function:g:1",
    hyperparameters=RftHyperparameters(n_epochs=1, extra={"eval_samples": 4}),
)
ATTEMPT = Attempt.to_train(SPEC, key="dag/run/train/0", number=1, generation="", now=1000.0)
JOB = Job(
    job_id="ftjob-1",
    status="queued",
    model=SPEC.model,
    training_data=SPEC.training_data,
    grader_arn=SPEC.grader_arn,
    created_at=1000.0,
    hyperparameters={"n_epochs": 1, "batch_size": 4},
)


@given(st.text(), st.text(), st.text(), st.integers(-1, 10_000))
def test_any_task_has_a_key_that_s3_takes(dag: str, task: str, run: str, index: int) -> None:
    key = task_key(dag_id=dag, task_id=task, run_id=run, map_index=index)
    assert S3Uri.parse("s3://my-bucket/intents").child(f"{key}/001.json")
    assert "//" not in key


def test_keys_differ_where_tasks_differ() -> None:
    run = "manual__2026-11-20T13:00:00+00:00"
    keys = {
        task_key(dag_id="d", task_id="t", run_id=run),
        task_key(dag_id="d", task_id="t", run_id=run, map_index=0),
        task_key(dag_id="d", task_id="t", run_id=run.replace(":", "-")),
        task_key(dag_id="d.t", task_id="", run_id=run),
        task_key(dag_id="d", task_id=".t", run_id=run),
    }
    assert len(keys) == 5
    assert task_key(dag_id="d", task_id="t", run_id=run).startswith("d/manual-2026-11-20T13-00-00-00-00/t/")


@given(st.text(max_size=80), st.integers(1, 99))
def test_names_and_tokens_fit_the_native_plane(text: str, attempt: int) -> None:
    token = attempt_token(key=text, content_fingerprint="f" * 64, attempt=attempt)
    assert re.fullmatch(r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,254}[a-zA-Z0-9])?", token)
    name = job_name(prefix=text, token=token)
    assert re.fullmatch(r"([0-9a-zA-Z][_-]?){1,63}", name)
    assert len(name) <= 63


def test_a_token_is_the_same_in_every_process_and_another_for_every_attempt() -> None:
    tokens = [attempt_token(key="k", content_fingerprint="c", attempt=n) for n in (1, 1, 2)]
    assert tokens[0] == tokens[1] != tokens[2]
    assert tokens[0] == tokens[0].lower()


def test_a_given_name_is_numbered_from_the_second_attempt_on() -> None:
    named = replace(ATTEMPT, spec=replace(SPEC, name="nightly"))
    assert named.job_name == "nightly"
    assert replace(named, number=2).job_name == "nightly-2"


def test_an_attempt_crosses_processes() -> None:
    assert codec.load(Attempt, codec.dump(ATTEMPT)) == ATTEMPT


@pytest.mark.parametrize(
    "job",
    [
        JOB,
        replace(JOB, grader_arn=""),
        replace(JOB, hyperparameters={}),
        replace(JOB, hyperparameters={"n_epochs": "1", "batch_size": "auto"}),
        replace(JOB, hyperparameters={"n_epochs": 1.0}),
        replace(JOB, created_at=701.0),
        replace(JOB, created_at=9e9),
        replace(JOB, model="openai.gpt-oss-20b-1:0"),
        replace(JOB, model="arn:aws:bedrock:us-west-2::foundation-model/openai.gpt-oss-20b-1:0"),
        replace(JOB, token=ATTEMPT.token, training_data="other"),
        replace(JOB, name=ATTEMPT.job_name, training_data="other"),
    ],
)
def test_jobs_that_may_be_ours(job: Job) -> None:
    assert answers_to(job, ATTEMPT, skew_seconds=300.0)


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB, created_at=699.0),
        replace(JOB, model="qwen.qwen3-32b"),
        replace(JOB, training_data="file-2"),
        replace(JOB, grader_arn=SPEC.grader_arn[:-1] + "2"),
        replace(JOB, hyperparameters={"n_epochs": 2}),
        replace(JOB, hyperparameters={"eval_samples": 5}),
        replace(JOB, token="another"),
        replace(JOB, name="another"),
        replace(JOB, name=ATTEMPT.job_name, token="another"),
    ],
)
def test_jobs_that_are_not_ours(job: Job) -> None:
    assert not answers_to(job, ATTEMPT, skew_seconds=300.0)


def test_what_is_trained_is_the_content_and_nothing_else() -> None:
    same = [SPEC, replace(SPEC, name="n"), replace(SPEC, tags={"a": "b"}), replace(SPEC, role_arn="r")]
    assert len({spec.content_fingerprint() for spec in same}) == 1
    other = [
        replace(SPEC, model="m"),
        replace(SPEC, training_data="file-2"),
        replace(SPEC, grader_arn="g"),
        replace(SPEC, hyperparameters=RftHyperparameters(n_epochs=2)),
        replace(SPEC, validation_data="v"),
    ]
    assert len({spec.content_fingerprint() for spec in [SPEC, *other]}) == 6


def test_a_file_uploaded_again_is_the_same_content_when_its_fingerprint_is_known() -> None:
    first = replace(SPEC, dataset_fingerprint="d" * 64)
    assert first.content_fingerprint() == replace(first, training_data="file-2").content_fingerprint()
