"""Completions that people have labelled: what a judge is held to before it may train."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidGrader
from airflow_provider_bedrock_rft.core.grader.trial.cases import sample_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.grader.sample import GraderSample

COMPLETION, LABEL = "completion", "label"
"""Fields that a labelled record has beside its prompt and reference."""


def labelled_samples(records: Sequence[Record]) -> tuple[list[GraderSample], list[float]]:
    """What the judge is given, and what people say of it, from 0 to 1; the label is not shown to the judge.

    Raises:
        InvalidGrader: A record has no completion, or no label from 0 to 1.
    """
    found = [(_sample(record, number), _label(record)) for number, record in enumerate(records)]
    return [sample for sample, _ in found], [label for _, label in found]


def _sample(record: Record, number: int) -> GraderSample:
    completion = record.metadata.get(COMPLETION)
    if not isinstance(completion, str):
        raise InvalidGrader(
            f"The labelled record {record.record_id!r} has no text {COMPLETION!r}.",
            action="Give every line the completion that a person has judged, and the person's label.",
        )
    metadata = {key: value for key, value in record.metadata.items() if key not in {COMPLETION, LABEL}}
    return sample_of(replace(record, metadata=metadata), completion, f"label-{number}")


def _label(record: Record) -> float:
    label = record.metadata.get(LABEL)
    if isinstance(label, bool):
        return float(label)
    if not isinstance(label, int | float) or not math.isfinite(label) or not 0 <= label <= 1:
        raise InvalidGrader(
            f"The {LABEL} of the labelled record {record.record_id!r} is {label!r}.",
            action="Give a number from 0 (worthless) to 1 (as good as it gets), or true and false.",
        )
    return float(label)
