"""Steps that make a dataset of another: from invocation logs, mended, divided."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, check_dataset
from airflow_provider_bedrock_rft.core.dataset.deep import DeepOptions
from airflow_provider_bedrock_rft.core.dataset.difficulty import DifficultyFilter, curriculum
from airflow_provider_bedrock_rft.core.dataset.jsonl import Written, write_records
from airflow_provider_bedrock_rft.core.dataset.lines import read_blocks
from airflow_provider_bedrock_rft.core.dataset.repair import Repairer
from airflow_provider_bedrock_rft.core.dataset.source import Source
from airflow_provider_bedrock_rft.core.dataset.split import DEFAULT_FRACTIONS, Split, split_records
from airflow_provider_bedrock_rft.core.errors import InvalidDataset, InvalidInput
from airflow_provider_bedrock_rft.core.steps.dataset import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.dataset.finding import Finding
    from airflow_provider_bedrock_rft.core.dataset.invocation_log import LogReader
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.dataset.repair import Repair

LEAKS = frozenset({"leakage", "near-leakage"})
_MAX_ROUNDS = 4


@payload("rft.dataset_file")
@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFile:
    """A dataset that a task has made, in canonical form, before it is uploaded for training.

    Attributes:
        uri: Where it is.
        fingerprint: SHA-256 of its bytes.
        n_records: Its lines.
        counts: What became of what it was made from.
    """

    uri: str
    fingerprint: str
    n_records: int
    counts: Mapping[str, int] = field(default_factory=dict)


def import_logs(sources: Sequence[Source], out: Path, reader: LogReader) -> Written:
    """Write the prompts in invocation logs to ``out``; ``reader.counts`` says what became of each entry.

    Raises:
        InvalidDataset: A log cannot be read.
    """
    return write_whole(reader.records(_lines(sources)), out)


def _lines(sources: Sequence[Source]) -> Iterator[bytes]:
    for source in sources:
        with source.open() as stream:
            for block in read_blocks(stream):
                yield from (line for _, line in block.lines())


def repair_dataset(sources: Sequence[Source], out: Path, tell: Callable[[Source, Repair], None]) -> Mapping[str, int]:
    """Write the mended lines of all sources to ``out``, telling of each repair; returns how often each was made.

    Raises:
        InvalidDataset: A source cannot be read, or has a line too long to be copied.
    """
    repairer = Repairer()
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as stream:
            for source in sources:
                with source.open() as original:
                    for repair in repairer.repair(original, stream):
                        tell(source, repair)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return dict(repairer.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """How to divide a dataset.

    Attributes:
        seed: Decides the draw.
        fractions: Part → share.
        group_by: Metadata key of records that stay together.
        stratify_by: Metadata key whose values are spread evenly.
        mean_rewards: Record id → mean reward of the base model; records always or never solved are left out.
        order: ``given``, or ``curriculum``: in each part the easiest first.
    """

    seed: int = 0
    fractions: Mapping[str, float] = field(default_factory=DEFAULT_FRACTIONS.copy)
    group_by: str | None = None
    stratify_by: str | None = None
    mean_rewards: Mapping[str, float] = field(default_factory=dict)
    order: str = "given"

    def __post_init__(self) -> None:
        if self.order not in {"given", "curriculum"}:
            raise InvalidInput(f"The order is {self.order!r}; it must be 'given' or 'curriculum'.")
        if self.order == "curriculum" and not self.mean_rewards:
            raise InvalidInput("A curriculum needs to know how hard each record is.", action="Give a readiness report.")


def split_dataset(records: Sequence[Record], plan: SplitPlan) -> Split:
    """Divide ``records``, then look for leakage between the parts, and move what leaks until nothing does.

    Raises:
        InvalidInput: The plan names fractions or keys that cannot be, or leaves no record.
        InvalidDataset: There are no records, or parts leak however they are cut; names the first pair.
    """
    if not records:
        raise InvalidDataset("There are no records to split.", code="empty-file", action="Check the file first.")
    kept = DifficultyFilter().keep(records, plan.mean_rewards) if plan.mean_rewards else tuple(records)
    if not kept:
        raise InvalidInput("Every record is always or never solved: nothing is left.", action="Choose harder prompts.")
    if plan.order == "curriculum":
        kept = curriculum(kept, plan.mean_rewards)
    joined: list[tuple[str, str]] = []
    for _ in range(_MAX_ROUNDS):
        divided = split_records(
            kept,
            seed=plan.seed,
            fractions=plan.fractions,
            group_by=plan.group_by,
            stratify_by=plan.stratify_by,
            together=joined,
        )
        leaks = leaks_between(divided)
        if not leaks:
            return divided
        joined += [_pair_of(divided, leak) for leak in leaks]
    raise InvalidDataset(f"The parts of the split leak: {leaks[0]}", code=leaks[0].code)


def leaks_between(divided: Split) -> list[Finding]:
    """What the check's leakage rules, exact and near, say about the parts of a split."""
    sources = [Source.of_bytes(_bytes_of(part), name=name, split=name) for name, part in divided.parts.items() if part]
    report = check_dataset(sources, CheckOptions(deep=DeepOptions(privacy=False)))
    return [finding for finding in report.findings if finding.code in LEAKS]


def _bytes_of(records: Sequence[Record]) -> bytes:
    stream = io.BytesIO()
    write_records(records, stream)
    return stream.getvalue()


def _pair_of(divided: Split, leak: Finding) -> tuple[str, str]:
    places = [leak.place, leak.other or leak.place]
    first, second = (divided[place.file][place.line - 1].record_id for place in places)
    return first, second


def count_words(counts: Mapping[str, int]) -> str:
    """Counts as a phrase: ``taken: 3, filtered: 1``."""
    return ", ".join(f"{name.replace('_', ' ')}: {n:,}" for name, n in sorted(Counter(counts).items()))
