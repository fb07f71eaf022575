"""What a job is to do, settled before it starts: the split, the order of prompts, the steps and the checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from airflow_provider_bedrock_rft.emulator.settings import TrainingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """A job as any control plane hands it to the engine.

    ``function`` is the grader as the user named it: an unqualified ARN follows the function's code, a version does not.
    ``settings`` are those of the moment of submission, so that a restart with others changes nothing.
    ``validation`` is a second dataset: if there is one, it is what is held out, and all of the first is trained on.
    ``initial_weights`` names the blob to start from; empty, the shipped base.
    """

    job_id: str
    plane: str
    account: str
    region: str
    model: str
    function: str
    dataset: str
    n_epochs: int
    batch_size: int
    learning_rate_multiplier: float
    seed: int
    settings: TrainingSettings
    validation: str = ""
    initial_weights: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Which records are trained on in which step, and which are held out. Steps count from 1."""

    batches: tuple[tuple[int, ...], ...]
    held_out: tuple[int, ...]
    checkpoint_interval: int

    @property
    def total_steps(self) -> int:
        """How many steps the job has."""
        return len(self.batches)

    def is_checkpoint(self, step: int) -> bool:
        """True for every n-th step and for the last one."""
        return step == self.total_steps or step % self.checkpoint_interval == 0


def make_schedule(plan: TrainingPlan, n_records: int, n_validation: int = 0) -> Schedule:
    """Hold records out, shuffle the rest anew in each epoch, and drop the last incomplete batch of each.

    Validation records follow the ``n_records`` of the training file in the numbering.
    """
    settings = plan.settings
    order = list(range(n_records))
    Random(f"split-{plan.seed}").shuffle(order)
    n_train = n_records if n_validation else int((1 - settings.holdout_fraction) * n_records + 1e-9)
    held_out = [*sorted(order[n_train:]), *range(n_records, n_records + n_validation)][: settings.max_holdout_records]
    return Schedule(
        batches=tuple(
            batch for epoch in range(plan.n_epochs) for batch in _epoch(plan, sorted(order[:n_train]), epoch)
        ),
        held_out=tuple(held_out),
        checkpoint_interval=settings.checkpoint_interval,
    )


def _epoch(plan: TrainingPlan, records: list[int], epoch: int) -> list[tuple[int, ...]]:
    order = list(records)
    Random(f"epoch-{plan.seed}-{epoch}").shuffle(order)
    size = plan.batch_size
    return [tuple(order[start : start + size]) for start in range(0, len(order) - size + 1, size)]
