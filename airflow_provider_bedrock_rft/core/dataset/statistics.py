"""What a dataset is like in numbers, and what follows from them for a job's hyper-parameters."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.dataset.length import TOKENS_PER_TURN, CountTokens, upper_bound
from airflow_provider_bedrock_rft.core.dataset.reference import reference_text
from airflow_provider_bedrock_rft.core.errors import InvalidDataset

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.dataset.record import Record

HELD_OUT_SHARE = 0.1
"""Mantle keeps a tenth back (inferred from a published run: 300 records, batch 4, 67 steps)."""
CHECKPOINT_EVERY = 20
"""Steps between checkpoints in the same run; the last step always has one."""
_MIN_COMPLETION_TOKENS = 1_024
_N_BINS = 24
_MOST_FREQUENT = 10
_MAX_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Counts of a length. ``bins`` has the records in equal steps of ``bin_width`` from 0."""

    mean: float
    p50: int
    p95: int
    p99: int
    maximum: int
    bin_width: int
    bins: tuple[int, ...]

    @classmethod
    def of(cls, values: Iterable[int]) -> Distribution:
        """The distribution of at least one value."""
        ordered = sorted(values)
        width = max(1, -(-(ordered[-1] + 1) // _N_BINS))
        counts = Counter(value // width for value in ordered)
        return cls(
            mean=round(sum(ordered) / len(ordered), 1),
            p50=_percentile(ordered, 50),
            p95=_percentile(ordered, 95),
            p99=_percentile(ordered, 99),
            maximum=ordered[-1],
            bin_width=width,
            bins=tuple(counts[number] for number in range(ordered[-1] // width + 1)),
        )


def _percentile(ordered: Sequence[int], percent: int) -> int:
    """The smallest value with at least ``percent`` of all at or below it (nearest rank)."""
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Hyper-parameters that follow from the lengths and the number of records.

    Attributes:
        max_prompt_tokens: No prompt is dropped (``maxPromptLength``), rounded up to 64.
        max_completion_tokens: Room for reasoning around the longest references (``inferenceMaxTokens``).
        batch_size: What the two below are for.
        steps_per_epoch: Whole batches of what is not held out.
        checkpoints_per_epoch: One every 20 steps, and the last.
    """

    max_prompt_tokens: int
    max_completion_tokens: int
    batch_size: int
    steps_per_epoch: int
    checkpoints_per_epoch: int


@payload("rft.dataset_statistics")
@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetStatistics:
    """A dataset in numbers.

    Attributes:
        n_records: Records.
        n_with_reference: Those with a reference.
        n_with_system: Those with a system turn.
        prompt_characters: Lengths of prompts.
        prompt_tokens: Tokens of prompts; upper bounds unless ``are_tokens_exact``.
        reference_characters: Lengths of references as text.
        are_tokens_exact: A tokenizer counted.
        frequent_references: The most frequent references with their counts.
        metadata: Key → records that have it.
        hints: What follows.
    """

    n_records: int
    n_with_reference: int
    n_with_system: int
    prompt_characters: Distribution
    prompt_tokens: Distribution
    reference_characters: Distribution
    are_tokens_exact: bool
    frequent_references: tuple[tuple[str, int], ...]
    metadata: Mapping[str, int] = field(default_factory=dict)
    hints: Hints


def dataset_statistics(
    records: Iterable[Record], *, batch_size: int = 4, count_tokens: CountTokens | None = None
) -> DatasetStatistics:
    """The statistics of ``records``, read once; memory is 12 bytes per record and the distinct short references.

    Raises:
        InvalidDataset: There are no records.
    """
    characters, tokens, references = array("I"), array("I"), array("I")
    answers: Counter[str] = Counter()
    metadata: Counter[str] = Counter()
    n_with_system = n_with_reference = 0
    count = count_tokens or upper_bound
    for record in records:
        characters.append(len(record.prompt))
        tokens.append(count(record.prompt) + TOKENS_PER_TURN * len(record.messages))
        n_with_system += record.messages[0].role == "system"
        metadata.update(record.metadata.keys())
        answer = reference_text(record.reference)
        references.append(len(answer))
        n_with_reference += record.reference is not None
        if answer and len(answer) <= _MAX_SHOWN:
            answers[answer] += 1
    if not characters:
        raise InvalidDataset("There are no records to describe.", action="Check the file first.")
    return DatasetStatistics(
        n_records=len(characters),
        n_with_reference=n_with_reference,
        n_with_system=n_with_system,
        prompt_characters=Distribution.of(characters),
        prompt_tokens=Distribution.of(tokens),
        reference_characters=Distribution.of(references),
        are_tokens_exact=count_tokens is not None,
        frequent_references=tuple(answers.most_common(_MOST_FREQUENT)),
        metadata=dict(metadata.most_common()),
        hints=_hints(len(characters), max(tokens), sorted(references), batch_size),
    )


def _hints(n_records: int, longest_prompt: int, references: Sequence[int], batch_size: int) -> Hints:
    steps = int(n_records * (1 - HELD_OUT_SHARE) + 1e-9) // batch_size
    reference_tokens = -(-_percentile(references, 99) // 3)
    return Hints(
        max_prompt_tokens=-(-longest_prompt // 64) * 64,
        max_completion_tokens=max(_MIN_COMPLETION_TOKENS, -(-4 * reference_tokens // 256) * 256),
        batch_size=batch_size,
        steps_per_epoch=steps,
        checkpoints_per_epoch=-(-steps // CHECKPOINT_EVERY),
    )
