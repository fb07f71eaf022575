"""What a job leaves in S3: metrics as CSV, at the documented keys with the documented columns first."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bedrock_rft.emulator.training.state import HeldOutScore, StepMetrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TRAINING_KEY = "training_artifacts/step_wise_training_metrics.csv"
VALIDATION_KEY = "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv"
_TRAINING = (
    "step_number",
    "epoch_number",
    "training_loss",
    "perplexity",
    "critic/rewards/mean",
    "actor/entropy",
    "actor/pg_loss",
    "actor/grad_norm",
    "response_length/mean",
)
_VALIDATION = ("step_number", "epoch_number", "validation_loss", "perplexity", "val-score/rewards/mean@1")


def folder_of(job_id: str) -> str:
    """The folder below the output location."""
    return f"model-customization-job-{job_id}"


def parse_steps(bodies: Iterable[bytes]) -> list[StepMetrics]:
    """Stored steps."""
    return [msgspec.json.decode(body, type=StepMetrics) for body in bodies]


def training_csv(steps: Sequence[StepMetrics], *, n_epochs: int) -> bytes:
    """One line per step, counted from 0. The loss is the policy-gradient loss, the perplexity that of the choices."""
    rows = (
        {
            "step_number": step.step - 1,
            "epoch_number": _epoch(step.step, step.total_steps, n_epochs),
            "training_loss": step.pg_loss,
            "perplexity": math.exp(step.entropy),
            "critic/rewards/mean": step.rewards_mean,
            "actor/entropy": step.entropy,
            "actor/pg_loss": step.pg_loss,
            "actor/grad_norm": step.grad_norm,
            "response_length/mean": step.response_length_mean,
        }
        for step in steps
    )
    return _csv(_TRAINING, rows)


def validation_csv(scores: Sequence[HeldOutScore], steps: Sequence[StepMetrics], *, n_epochs: int) -> bytes:
    """One line per evaluation. The loss is the negated mean reward; the perplexity is the training step's."""
    by_step = {step.step: step for step in steps}
    rows = (
        {
            "step_number": max(0, score.step - 1),
            "epoch_number": 0 if step is None else _epoch(score.step, step.total_steps, n_epochs),
            "validation_loss": "" if score.reward_mean is None else -score.reward_mean,
            "perplexity": "" if step is None else math.exp(step.entropy),
            "val-score/rewards/mean@1": "" if score.reward_mean is None else score.reward_mean,
        }
        for score in scores
        for step in (by_step.get(score.step),)
    )
    return _csv(_VALIDATION, rows)


def _epoch(step: int, total_steps: int, n_epochs: int) -> int:
    return (step - 1) * n_epochs // max(1, total_steps)


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
