"""Five ways in which training goes wrong, on an emulator of your own, and what the diagnosis says of each.

Start one, then run this: ``bedrock-rft emulator --port 4566 & python docs/how-to/training_dynamics.py
http://127.0.0.1:4566``. Every job trains really, with a grader of ``example_dags/graders/flawed.py`` deployed as a
function; "truth" is the share of right answers to prompts that nobody trained on, asked of every checkpoint.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

import boto3

from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session
from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.grader.package import build_package
from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.core.job.diagnosis import JobFinding, Observation, diagnose
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters
from airflow_provider_bedrock_rft.core.ports import CompletionRequest, Message
from airflow_provider_bedrock_rft.core.steps.grader import GraderSettings, deploy_grader
from airflow_provider_bedrock_rft.grading.source import read_source

if TYPE_CHECKING:
    from collections.abc import Sequence

GRADERS = Path(__file__).parents[2] / "example_dags" / "graders" / "flawed.py"
MODEL = "openai.gpt-oss-20b"
N_TRAINING, N_TRUTH = 100, 60
Sample = tuple[str, str]
COLOURS = ("red", "green", "blue")
TREES = ("alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine", "rowan", "yew")


def sums(n: int, random: Random) -> list[Sample]:
    """Small sums and products, which the base can do."""
    samples = []
    for _ in range(n):
        a, b = random.randint(3, 24), random.randint(2, 20)
        story, answer = random.choice(
            (
                (
                    f"Maya has {a} pears. Tom gives Maya {b} more pears. How many pears does Maya have altogether?",
                    a + b,
                ),
                (f"Each box holds {a} toys. Lena buys {b} boxes. How many toys does Lena have?", a * b),
            )
        )
        samples.append((f'{story} Let\'s think step by step and output the final answer after "####".', str(answer)))
    return samples


def coincidences(n: int, random: Random) -> list[Sample]:
    """Words with a colour that was drawn by lot: there is nothing to learn but each by heart."""
    ask = "Answer with one word, one of: red, green, blue."
    return [(f"{' '.join(random.sample(TREES, 6))}.\n{ask}", random.choice(COLOURS)) for _ in range(n)]


def is_number(completion: str, reference: str) -> bool:
    """What an application reads: the number at the end."""
    return re.search(rf"#### {reference}$", completion.rstrip()) is not None


def is_word(completion: str, reference: str) -> bool:
    """The word, and nothing else."""
    return completion.strip() == reference


@dataclass(frozen=True)
class Case:
    """A way to go wrong."""

    grader: str
    samples: Callable[[int, Random], list[Sample]] = sums
    is_true: Callable[[str, str], bool] = is_number
    n_epochs: int = 3
    learning_rate: float = 1.0


CASES = {
    "reward hacking": Case("flattered"),
    "collapse": Case("last_number", learning_rate=30.0),
    "equal rewards": Case("indifferent", n_epochs=1),
    "overfitting": Case("same_word", samples=coincidences, is_true=is_word, n_epochs=15),
    "length runaway": Case("long_winded"),
}


@dataclass
class Outcome:
    """What became of a job."""

    curve: Curve
    truth: list[float] = field(default_factory=list)
    findings: tuple[JobFinding, ...] = ()


def connect(url: str) -> Session:
    """The package's own clients of an emulator."""

    def keys() -> boto3.session.Session:
        return boto3.session.Session("AKIALOCALEMULATOR001", "local-emulator-secret", region_name="us-west-2")

    return Session(ClientConfig(region="us-west-2", endpoint_url=url, session_factory=keys))


def submit(session: Session, name: str, case: Case, folder: Path) -> str:
    """Upload, deploy, train; answers the job's id."""
    random = Random(name)
    lines = [
        json.dumps({"messages": [{"role": "user", "content": prompt}], "reference_answer": reference})
        for prompt, reference in case.samples(N_TRAINING, random)
    ]
    path = folder / f"{name.replace(' ', '-')}.jsonl"
    path.write_text("\n".join(lines) + "\n")
    file = session.training.upload_file(path, name=path.name)
    package = build_package(read_source(f"{GRADERS}:{case.grader}"))
    settings = GraderSettings(function_name=f"dynamics-{case.grader.replace('_', '-')}")
    grader = deploy_grader(session.functions, session.roles, package, settings, SystemClock())
    hyperparameters = RftHyperparameters(
        n_epochs=case.n_epochs, batch_size=4, learning_rate_multiplier=case.learning_rate
    )
    spec = JobSpec(model=MODEL, training_data=file.file_id, grader_arn=grader.arn, hyperparameters=hyperparameters)
    return session.training.create_job(spec, token="").job_id


def truth_of(session: Session, model: str, case: Case, samples: Sequence[Sample]) -> float:
    """The share of right answers of one model."""

    def ask(prompt: str) -> str:
        request = CompletionRequest(model=model, messages=[Message(role="user", content=prompt)], temperature=0.0)
        return session.runtime.complete(request).text

    return fmean(case.is_true(ask(prompt), reference) for prompt, reference in samples)


def outcome_of(session: Session, name: str, case: Case, job_id: str) -> Outcome:
    """Wait for a job, ask its checkpoints, and have it diagnosed."""
    while session.training.get_job(job_id).status not in {"succeeded", "failed", "cancelled"}:
        SystemClock().sleep(0.5)
    outcome = Outcome(Curve().extended(session.training.list_events(job_id)))
    samples = case.samples(N_TRUTH, Random(f"unseen {name}"))
    checkpoints = sorted(session.training.list_checkpoints(job_id), key=lambda checkpoint: checkpoint.step)
    for model in (MODEL, *(checkpoint.model for checkpoint in checkpoints)):
        outcome.truth.append(truth_of(session, model, case, samples))
    outcome.findings = diagnose(Observation(curve=outcome.curve, held_out=outcome.truth))
    return outcome


def told(name: str, outcome: Outcome) -> str:
    """A case in a few lines."""
    series = {metric: outcome.curve.series(metric) for metric in ("reward", "entropy", "response_length")}
    lines = [f"{name}, {outcome.curve.last_step} steps"]
    lines += [
        f"  {metric:16} {fmean(values[:5]):7.3f} -> {fmean(values[-5:]):7.3f}" for metric, values in series.items()
    ]
    lines.append(f"  truth            {' '.join(f'{share:.2f}' for share in outcome.truth)}")
    return "\n".join([*lines, *(f"  {finding}" for finding in outcome.findings)])


def main() -> None:
    """Run all cases, two at a time as the emulator has slots."""
    session = connect(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        jobs = {name: submit(session, name, case, Path(folder)) for name, case in CASES.items()}
        for name, job_id in jobs.items():
            sys.stdout.write(told(name, outcome_of(session, name, CASES[name], job_id)) + "\n\n")


if __name__ == "__main__":
    main()
