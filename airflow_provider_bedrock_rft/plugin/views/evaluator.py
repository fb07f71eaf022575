"""Which DAGs evaluate a model they are given, so that a checkpoint can be handed to one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.plugin.facts import Pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorView:
    """A DAG to start, and what to give it besides the model: as the run in view has evaluated."""

    dag_id: str
    is_paused: bool
    conf: Mapping[str, str]


def evaluator_views(
    pipelines: Sequence[Pipeline], readable: frozenset[str], given: Mapping[str, str]
) -> list[EvaluatorView]:
    """The evaluators that the reader may see, each with what it takes of ``given``."""
    return [
        EvaluatorView(
            dag_id=one.dag_id,
            is_paused=one.is_paused,
            conf={name: value for name, value in given.items() if value and name in one.params},
        )
        for one in pipelines
        if one.is_evaluator and one.dag_id in readable
    ]
