"""What a run was made from, what has changed since the run before it, and who was champion when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.promotion.rollout import ChampionEntry
from airflow_provider_bedrock_rft.plugin.facts import STAGES, Note
from airflow_provider_bedrock_rft.plugin.views.run import fields_of

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.plugin.facts import Output

_STAGE_OF_KIND = {
    "rft.split": "dataset",
    "rft.dataset": "dataset",
    "rft.grader": "grader",
    "rft.readiness": "readiness",
    "rft.job": "job",
    "rft.checkpoint_choice": "checkpoint",
    "rft.evaluation": "evaluation",
    "rft.gate": "decision",
    "rft.champion": "promotion",
}
_FACTS = {
    "rft.split": ("fingerprints", "n_records", "seed"),
    "rft.dataset": ("fingerprint", "file_id", "n_records"),
    "rft.grader": ("arn", "fingerprint"),
    "rft.readiness": ("verdict", "n_prompts", "usable.value"),
    "rft.job": ("job_id", "model", "hyperparameters", "tuned_model"),
    "rft.checkpoint_choice": ("rule", "checkpoint.model", "checkpoint.step"),
    "rft.evaluation": ("model", "grader_arn", "prompts_fingerprint", "n_samples", "mean.value"),
    "rft.gate": ("verdict", "difference.value", "p_value", "champion_model"),
    "rft.champion": ("model", "number", "previous_model"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one task has made, as names and values."""

    stage: str
    task_id: str
    map_index: int
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A fact that differs from the run before; empty text stands for absent."""

    task_id: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageView:
    """A run's ancestry; ``before`` is the run it is compared with, empty for the first."""

    steps: Sequence[Step]
    before: str
    changes: Sequence[Difference]
    history: Sequence[ChampionEntry]
    notes: Sequence[Note]


def lineage_view(
    outputs: Sequence[Output],
    earlier: Sequence[Output],
    before: str,
    history: Sequence[ChampionEntry],
    notes: Sequence[Note],
) -> LineageView:
    """The lineage that the outputs of a run and of the run before it tell."""
    steps = _steps(outputs)
    changes = list(_changes(_steps(earlier), steps)) if before else []
    return LineageView(steps=steps, before=before, changes=changes, history=history, notes=notes)


def name_of(outputs: Sequence[Output], dag_id: str) -> str:
    """The pipeline whose champion is at stake: as the run's payloads name it, else the DAG."""
    names = (fields_of(one).get("pipeline") for one in outputs if one.kind in {"rft.gate", "rft.champion"})
    return next((name for name in names if isinstance(name, str) and name), dag_id)


def _steps(outputs: Sequence[Output]) -> list[Step]:
    steps = [
        Step(
            stage=_STAGE_OF_KIND[one.kind],
            task_id=one.task_id,
            map_index=one.map_index,
            facts=dict(_facts(fields_of(one), _FACTS[one.kind])),
        )
        for one in sorted(outputs, key=lambda one: one.at)
        if one.kind in _FACTS
    ]
    return sorted((one for one in steps if one.facts), key=lambda one: STAGES.index(one.stage))


def _facts(fields: Mapping[str, object], wanted: Sequence[str]) -> Iterator[tuple[str, str]]:
    for path in wanted:
        value: object = fields
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            yield from ((f"{path}.{name}", _text(part)) for name, part in sorted(value.items()))
        elif value not in (None, ""):
            yield path, _text(value)


def _changes(before: Sequence[Step], after: Sequence[Step]) -> Iterator[Difference]:
    left, right = ({(one.task_id, one.map_index): one.facts for one in side} for side in (before, after))
    for key in [*right, *(key for key in left if key not in right)]:
        old, new = left.get(key, {}), right.get(key, {})
        for name in dict.fromkeys([*new, *old]):
            if old.get(name) != new.get(name):
                yield Difference(task_id=key[0], name=name, before=old.get(name, ""), after=new.get(name, ""))


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
