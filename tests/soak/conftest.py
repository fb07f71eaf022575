"""A small pipeline before an emulator in which things go wrong: what happens is drawn from a seed.

A *script* is what the faults are, and when the emulator is killed. The pipeline's steps are the package's own, each
tried again as a scheduler would. Time is the emulator's: it runs ``SPEED`` times as fast as the wall clock.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session
from airflow_provider_bedrock_rft.core import errors
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
from airflow_provider_bedrock_rft.core.grader.package import GraderPackage, GraderSource
from airflow_provider_bedrock_rft.core.job.ending import Ending
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters
from airflow_provider_bedrock_rft.core.job.submission import SubmissionPolicy
from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan
from airflow_provider_bedrock_rft.core.steps.attempts import AttemptLedger
from airflow_provider_bedrock_rft.core.steps.dataset import UploadedDataset, upload_dataset
from airflow_provider_bedrock_rft.core.steps.evaluation import evaluate_model, load_completions
from airflow_provider_bedrock_rft.core.steps.grader import DeployedGrader, GraderSettings, deploy_grader
from airflow_provider_bedrock_rft.core.steps.job import submit_job
from airflow_provider_bedrock_rft.core.steps.waiting import wait_for_job
from airflow_provider_bedrock_rft.core.steps.watching import read_new_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bedrock_rft.core.job.submission import Submission
    from airflow_provider_bedrock_rft.core.ports import IntentStore, TrainingService

REGION, BUCKET = "us-west-2", "soak"
SPEED = 40.0
N_RECORDS, N_EVALUATED, N_STEPS = 9, 4, 4
TRIES = 6
TRAINING = {
    "min_records": N_RECORDS,
    "group_size": 2,
    "max_bad_steps": 2,
    "grader_retries": 1,
    "grader_retry_seconds": 0.5,
    "slots": 2,
}
GRADER = """
def handler(event, context):
    said = [sample["messages"][-1]["content"] for sample in event]
    return [{"id": s["id"], "aggregate_reward_score": float("5" in text)} for s, text in zip(event, said)]
"""
PATHS = (
    "",
    "^/v1/",
    "/fine_tuning/jobs$",
    "/fine_tuning/jobs/",
    "/v1/files",
    "/functions",
    "^/$",
    f"^/{BUCKET}",
    "/chat",
)


def requests_fail(random: Random, **effect: object) -> dict[str, object]:
    return {
        "path": random.choice(PATHS),
        "skip": random.choice((0, 0, 1, 3)),
        "times": random.randint(1, 12),
        "probability": random.choice((1.0, 1.0, 0.5, 0.2)),
        **effect,
    }


def draw_latency(random: Random) -> object:
    seconds = random.uniform(0.1, 20)
    return random.choice(([0.0, seconds], seconds, {"median": seconds / 10, "p99": seconds * 4}))


KINDS: dict[str, Callable[[Random], dict[str, object]]] = {
    "throttle": lambda r: requests_fail(r, status=429, headers=r.choice(({}, {"retry-after": "1"}))),
    "server error": lambda r: requests_fail(r, status=r.choice((500, 502, 503, 504))),
    "latency": lambda r: requests_fail(r, latency_seconds=draw_latency(r)),
    "reset before": lambda r: requests_fail(r, reset="before"),
    "reset after": lambda r: requests_fail(r, reset="after"),
    "lost acceptance": lambda r: {
        "path": r.choice(("/fine_tuning/jobs$", "/v1/files$")),
        "method": "POST",
        "times": r.randint(1, 2),
        **r.choice(({"reset": "after"}, {"status": 503}, {"reset": "before"})),
    },
    "stale": lambda r: {
        "path": r.choice(("/fine_tuning/jobs$", "/v1/files$")),
        "method": "GET",
        "stale_seconds": r.uniform(1, 30),
    },
    "role delay": lambda r: {"role_delay_seconds": r.uniform(1, 30)},
    "version delay": lambda r: {"version_delay_seconds": r.uniform(1, 30)},
    "failing job": lambda r: {
        "fail_job": "the cluster went away",
        "step": r.randint(1, N_STEPS),
        "times": r.randint(1, 3),
    },
    "slow job": lambda r: {"slow_step_seconds": r.uniform(1, 60), "step": r.choice((None, 2))},
    "endless job": lambda r: {"slow_step_seconds": 1e6, "step": r.randint(1, N_STEPS), "times": 1},
    "grader error": lambda r: {"grader_error": "ZeroDivisionError: division by zero", "times": r.randint(1, 6)},
    "function error": lambda r: {"path": "/invocations$", "function_error": "boom", "times": r.randint(1, 3)},
    "expired": lambda r: requests_fail(r, expired=True),
    "skew": lambda r: requests_fail(r, skew_seconds=r.choice((-1, 1)) * r.choice((20.0, 200.0, 1200.0))),
}
KILL_SHARE = 0.12
STAGES = ("upload", "deploy", "submit", "wait", "evaluate")


@dataclass(frozen=True)
class Script:
    """What goes wrong. ``kill`` is the stage during which the emulator is killed, and how long after its beginning."""

    seed: int
    kinds: tuple[str, ...]
    rules: tuple[dict[str, object], ...]
    kill: tuple[str, float] | None

    @classmethod
    def draw(cls, seed: int) -> Script:
        random = Random(f"soak-{seed}")
        kinds = tuple(random.choice(list(KINDS)) for _ in range(random.choice((0, 1, 1, 2, 2, 3, 4))))
        rules = tuple({**KINDS[kind](random), "id": f"{seed}/{number} {kind}"} for number, kind in enumerate(kinds))
        kill = (random.choice(STAGES), random.uniform(0, 0.6)) if random.random() < KILL_SHARE else None
        return cls(seed, kinds, rules, kill)


class World:
    """An emulator with its folder, and the way to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.clock = FastClock()
        self._process: Any = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, rules: tuple[dict[str, object], ...] = ()) -> None:
        config = self.folder / "config.json"
        config.write_text(json.dumps({"training": TRAINING, "faults": rules}))
        command = [
            sys.executable,
            "-m",
            "airflow_provider_bedrock_rft.emulator",
            "--data-dir",
            str(self.folder / "data"),
        ]
        command += ["--speed", str(SPEED), "--config", str(config), "--port", self.url.rpartition(":")[2] or "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self._process.stdout.readline().split()[1]
        self.clock.go_on(self.control("GET", "clock")["now"])

    def end(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self.clock.stop()
            self._process.send_signal(number)
            self._process.wait(60)
            self._process.stdout.close()
            self._process = None

    def kill_and_start(self, rules: tuple[dict[str, object], ...]) -> None:
        self.end(signal.SIGKILL)
        self.start(rules)

    def control(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_emulator/{path}",
            None if body is None else json.dumps(body).encode(),
            {"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    def memory_mb(self) -> float:
        lines = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

    @functools.cached_property
    def judge(self) -> Session:
        """Patient clients, to look at what is left behind."""
        return self.session(patience=60, max_retries=3)

    def session(self, *, patience: float = 6.0, max_retries: int = 1) -> Session:
        config = ClientConfig(
            region=REGION,
            endpoint_url=self.url,
            session_factory=keys,
            connect_timeout_seconds=patience,
            read_timeout_seconds=patience,
            create_timeout_seconds=patience,
            upload_timeout_seconds=patience,
            max_retries=max_retries,
        )
        return Session(config)


def keys() -> boto3.session.Session:
    return boto3.session.Session(
        aws_access_key_id="AKIALOCALEMULATOR001", aws_secret_access_key="local-emulator-secret", region_name=REGION
    )


class FastClock:
    """Emulated time, as the pipeline's clock: it stands still while there is no emulator, and never runs back."""

    def __init__(self) -> None:
        self._base = 0.0
        self._stopped_at: float | None = 0.0

    def go_on(self, now: float) -> None:
        self._base = max(self.now(), now) - time.monotonic() * SPEED
        self._stopped_at = None

    def stop(self) -> None:
        self._stopped_at = self.now()

    def now(self) -> float:
        return self._base + time.monotonic() * SPEED if self._stopped_at is None else self._stopped_at

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(seconds / SPEED)


@dataclass
class Pipeline:
    """Upload, deploy, submit, wait, evaluate; every step may be tried again."""

    world: World
    seed: int
    folder: Path
    patience_seconds: float
    session: Session = field(init=False)
    clock: FastClock = field(init=False)
    grader: DeployedGrader | None = None
    dataset: UploadedDataset | None = None
    ending: Ending | None = None
    run: EvaluationRun | None = None
    tried: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.session = self.world.session()
        self.clock = self.world.clock
        self.name = f"soak-{self.seed}-{os.urandom(3).hex()}"
        self.random = Random(f"pipeline-{self.seed}")
        self.intents = self.session.intents(f"s3://{BUCKET}/intents")
        self.path = self.folder / f"{self.name}.jsonl"
        lines = [
            {
                "messages": [{"role": "user", "content": f"{self.name}: what is {n} + 3?"}],
                "reference_answer": str(n + 3),
            }
            for n in range(N_RECORDS)
        ]
        self.path.write_text("\n".join(map(json.dumps, lines)) + "\n")

    def go(self, on_stage: Callable[[str], None]) -> None:
        steps = {
            "upload": self.upload,
            "deploy": self.deploy,
            "submit": self.train,
            "evaluate": self.evaluate,
        }
        for stage, step in steps.items():
            on_stage(stage)
            self._insist(stage, partial(step, on_stage))

    def _insist(self, stage: str, step: Callable[[], None]) -> None:
        """As a scheduler with retries."""
        for left in reversed(range(TRIES)):
            self.tried[stage] += 1
            try:
                return step()
            except errors.RftError as error:
                if not left or isinstance(error, errors.WaitTimeout):
                    raise
                self.clock.sleep(10)
        return None

    def upload(self, _: Any) -> None:
        self.dataset = upload_dataset(self.session.training, self.path)

    def deploy(self, _: Any) -> None:
        files = {"grader.py": f"# {self.name}{GRADER}".encode()}
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr("grader.py", files["grader.py"])
        source = GraderSource(origin="soak", files=files, handler="grader.handler")
        self.grader = deploy_grader(
            self.session.functions,
            self.session.roles,
            GraderPackage.of(source, archive.getvalue(), unpacked_bytes=1),
            GraderSettings(function_name=self.name),
            self.clock,
            random=self.random,
        )

    def train(self, on_stage: Callable[[str], None]) -> None:
        assert self.dataset is not None
        assert self.grader is not None
        submission = self.submit(self.session.training, self.intents)
        on_stage("wait")
        now = self.clock.now()
        plan = WaitPlan(
            job_id=submission.job_id,
            created_at=submission.created_at,
            deadline_at=now + self.patience_seconds,
            min_poll_seconds=3,
            max_poll_seconds=20,
        )
        self.ending = wait_for_job(self.session.training, plan, clock=self.clock, random=self.random)
        self.ending.ensure_success()

    def submit(self, training: TrainingService, intents: IntentStore) -> Submission:
        assert self.dataset is not None
        assert self.grader is not None
        spec = JobSpec(
            model="openai.gpt-oss-20b",
            training_data=self.dataset.file_id,
            dataset_fingerprint=self.dataset.fingerprint,
            grader_arn=self.grader.arn,
            hyperparameters=RftHyperparameters(n_epochs=1, batch_size=2, learning_rate_multiplier=1.0),
        )
        policy = SubmissionPolicy(max_attempts=2, settle_seconds=60, look_seconds=3)
        return submit_job(training, intents, key=self.name, spec=spec, clock=self.clock, policy=policy)

    def evaluate(self, _: Any) -> None:
        assert self.ending is not None
        assert self.grader is not None
        self.run = evaluate_model(
            self.session.runtime,
            self.session.functions,
            self.session.objects,
            model=self.ending.tuned_model,
            grader_arn=self.grader.arn,
            records=[
                Record(
                    record_id=f"r{n}",
                    messages=(Message(role="user", content=f"What is {n} + 3?"),),
                    reference=str(n + 3),
                )
                for n in range(N_EVALUATED)
            ],
            artifacts_uri=f"s3://{BUCKET}/runs/{self.name}",
            clock=self.clock,
            settings=EvaluationSettings(max_concurrency=2, grader_concurrency=1, max_tokens=200),
        )


@dataclass
class Report:
    """How a script went: the error it ended in, if any, and everything that is wrong with that."""

    script: Script
    error: BaseException | None
    taken: Counter[str]
    defects: list[str]
    seconds: float
    tried: dict[str, int]

    def line(self) -> dict[str, object]:
        return {
            "seed": self.script.seed,
            "kinds": self.script.kinds,
            "kill": self.script.kill,
            "taken": dict(self.taken),
            "error": "" if self.error is None else f"{type(self.error).__name__}: {self.error}",
            "defects": self.defects,
            "seconds": round(self.seconds, 1),
            "tried": self.tried,
        }


class Hang(BaseException):
    """Nothing has come to an end for far too long."""


@contextlib.contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Hang(f"not at an end after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_script(world: World, seed: int, folder: Path, *, patience_seconds: float = 600) -> Report:
    """One script from its beginning to its checked end; the emulator serves on after it."""
    script = Script.draw(seed)
    n_before = len(world.control("GET", "faults/log")["taken"])
    pipeline = Pipeline(world, seed, folder, 120 if "endless job" in script.kinds else 1200)
    killers: list[threading.Thread] = []

    def on_stage(stage: str) -> None:
        if script.kill and script.kill[0] == stage and not killers:
            timer = threading.Timer(script.kill[1], world.kill_and_start, (script.rules,))
            killers.append(timer)
            timer.start()

    began, error = time.monotonic(), None
    for rule in script.rules:
        world.control("POST", "faults", rule)
    try:
        with no_longer_than(patience_seconds):
            pipeline.go(on_stage)
    except (Exception, Hang) as caught:  # noqa: BLE001 -- whatever comes out is judged
        error = caught
    for killer in killers:
        killer.join()
    taken = Counter(item["rule"] for item in world.control("GET", "faults/log")["taken"][n_before:])
    world.control("DELETE", "faults")
    defects = [*judge_error(script, taken, error, is_killed=bool(killers)), *judge_world(world, pipeline)]
    return Report(script, error, taken, defects, time.monotonic() - began, dict(pipeline.tried))


CAUSES: dict[type[errors.RftError], set[str]] = {
    errors.JobFailure: {"failing job", "grader error", "version delay"},
    errors.GraderFailure: {"function error", "version delay"},
    errors.WaitTimeout: {"slow job", "endless job", "latency", "skew"},
    errors.InvalidCredentials: {"expired", "skew"},
    errors.Throttled: {"throttle"},
    errors.ServiceUnavailable: {"server error", "lost acceptance", "latency"},
    errors.ConnectionLost: {"reset before", "reset after", "lost acceptance", "latency", "server error"},
}


def judge_error(script: Script, taken: Counter[str], error: BaseException | None, *, is_killed: bool) -> Iterator[str]:
    """What is wrong with an ending: an error that is not ours, has no advice, or has no cause in the script."""
    if error is None:
        return
    if not isinstance(error, errors.RftError):
        yield f"not an error of ours: {type(error).__name__}: {error}"
        return
    if not error.action:
        yield f"no action: {type(error).__name__}: {error}"
    kinds = {rule.partition(" ")[2] for rule in taken}
    causes = next((causes for kind, causes in CAUSES.items() if type(error) is kind), None)
    if isinstance(error, errors.WaitTimeout) and "endless job" in script.kinds:
        return  # the time-out is short there, and may come before the step that never ends
    is_lost = is_killed and isinstance(error, (errors.ConnectionLost, errors.ServiceUnavailable, errors.WaitTimeout))
    if not is_lost and (causes is None or not causes & kinds):
        yield f"no cause in {sorted(kinds)} for {type(error).__name__}: {error}"


def judge_world(world: World, pipeline: Pipeline) -> Iterator[str]:
    """What is wrong with what is left behind."""
    session = world.judge
    files = [file for file in session.training.list_files() if pipeline.dataset and file.name == pipeline.dataset.name]
    if pipeline.dataset is None:
        return
    if pipeline.dataset.file_id not in {file.file_id for file in files}:
        yield "the dataset is lost"
    intents = session.intents(f"s3://{BUCKET}/intents")
    ledger = AttemptLedger(intents, pipeline.name)
    if any(not attempt.job_id for attempt in ledger.attempts()):
        pipeline.submit(session.training, intents)  # the next try, with nothing in its way, finds what there is
    known = [attempt.job_id for attempt in ledger.attempts()]
    jobs = list(session.training.list_jobs(created_after=0.0))
    ours = {job.job_id for job in jobs if job.training_data == pipeline.dataset.file_id}
    if sorted(known) != sorted(ours):
        yield f"the jobs are {sorted(ours)}, the attempts know of {known}"
    if pipeline.ending and pipeline.ending.tuned_model:
        yield from judge_success(session, world, pipeline)
    for job_id in ours:
        session.training.cancel_job(job_id)


def judge_success(session: Session, world: World, pipeline: Pipeline) -> Iterator[str]:
    assert pipeline.ending is not None
    job_id = pipeline.ending.job_id
    state = world.control("GET", f"jobs/{job_id}")["state"]
    if (state["n_records"], state["step"]) != (N_RECORDS, N_STEPS):
        yield f"{state['n_records']} records in {state['step']} steps were trained on"
    events = read_new_events(session.training, job_id, ())
    steps = Counter(event.step for event in events if event.step)
    if any(n > 1 for n in steps.values()) or not set(steps) <= set(range(1, N_STEPS + 1)):
        yield f"steps were reported as {dict(steps)}"
    if pipeline.run is not None:
        scored = load_completions(session.objects, pipeline.run)
        if sorted(one.sample_id for one in scored) != [f"r{n}" for n in range(N_EVALUATED)]:
            yield f"the evaluation has {[one.sample_id for one in scored]}"
        if any(one.score is None for one in scored):
            yield "a sample has no score"


@pytest.fixture(scope="session")
def new_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], World]]:
    """Starts an emulator with an empty folder, in place of the one before."""
    worlds: list[World] = []

    def start() -> World:
        for world in worlds:
            world.end()
        worlds[:] = [World(tmp_path_factory.mktemp("soak"))]
        worlds[0].start()
        s3 = worlds[0].judge.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        return worlds[0]

    yield start
    for world in worlds:
        world.end()


@pytest.fixture
def soak() -> Callable[..., Report]:
    """Runs one script."""
    return run_script
