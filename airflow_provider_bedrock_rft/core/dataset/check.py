"""The check of a dataset: every finding in every file, each at its line, in one streaming pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from airflow_provider_bedrock_rft.core.dataset.deep import DeepOptions, DeepPass
from airflow_provider_bedrock_rft.core.dataset.equality import findings_on_dominance, findings_on_equality
from airflow_provider_bedrock_rft.core.dataset.finding import Finding, FindingLog, Place, Severity, finding_at
from airflow_provider_bedrock_rft.core.dataset.language import LanguageProfile
from airflow_provider_bedrock_rft.core.dataset.length import CountTokens
from airflow_provider_bedrock_rft.core.dataset.quota import Requirements, Target, check_size
from airflow_provider_bedrock_rft.core.dataset.scan import FileScan, scan_sources
from airflow_provider_bedrock_rft.core.dataset.shapes import findings_on_shapes
from airflow_provider_bedrock_rft.core.dataset.source import TRAIN, Source
from airflow_provider_bedrock_rft.core.errors import InvalidDataset


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What to check.

    Attributes:
        targets: The strictest of their rules applies.
        max_prompt_tokens: A limit of the user's own on prompts.
        count_tokens: The target's tokenizer, where one is at hand offline.
        deep: The second pass; ``None`` leaves it out.
        max_kept_per_code: Findings kept of each code; all are counted.
    """

    targets: tuple[Target, ...] = (Target.MANTLE,)
    max_prompt_tokens: int | None = None
    count_tokens: CountTokens | None = None
    deep: DeepOptions | None = field(default_factory=DeepOptions)
    max_kept_per_code: int = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """One file as it was checked; ``sha256`` is of its (uncompressed) bytes."""

    path: str
    split: str
    n_records: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetReport:
    """What a check found.

    Attributes:
        files: The files in the order given.
        findings: By file, then by line.
        counts: How many of each severity there are, those not kept included.
        counts_by_code: Likewise of each code.
        language: What the training prompts are written in, when that was asked for.
    """

    files: tuple[FileReport, ...]
    findings: tuple[Finding, ...]
    counts: Mapping[Severity, int]
    counts_by_code: Mapping[str, int] = field(default_factory=dict)
    language: LanguageProfile | None = None

    @property
    def n_records(self) -> int:
        """Records of the training files."""
        return sum(file.n_records for file in self.files if file.split == TRAIN)

    @property
    def sha256(self) -> str:
        """SHA-256 of the first file's bytes."""
        return self.files[0].sha256 if self.files else ""

    @property
    def has_errors(self) -> bool:
        """True when the dataset must not be trained on."""
        return self.counts.get(Severity.ERROR, 0) > 0

    def raise_for_errors(self) -> None:
        """Refuse a dataset with errors.

        Raises:
            InvalidDataset: Names the first error, and how many there are.
        """
        if not self.has_errors:
            return
        first = next(each for each in self.findings if each.severity is Severity.ERROR)
        n_errors = self.counts[Severity.ERROR]
        message = f"The dataset has {n_errors:,} error{'s' * (n_errors > 1)}; the first: {first}"
        raise InvalidDataset(message, code=first.code, file=first.place.file, line=first.place.line, n_errors=n_errors)


ScanSources: TypeAlias = (
    "Callable[[Sequence[Source], Requirements, FindingLog, CountTokens | None], Sequence[FileScan]]"
)
"""Reads sources once, each to its end."""


def check_dataset(
    sources: Sequence[Source], options: CheckOptions | None = None, *, scan: ScanSources = scan_sources
) -> DatasetReport:
    """Check training sources, and leakage between them and the sources of other splits.

    A fault in the data is a finding, never an exception; sources that cannot be read are findings too.
    """
    chosen = options or CheckOptions()
    needs = Requirements.of(chosen.targets, max_prompt_tokens=chosen.max_prompt_tokens)
    log = FindingLog(max_kept_per_code=chosen.max_kept_per_code)
    scans = scan(sources, needs, log, chosen.count_tokens)
    _check_sizes(scans, needs, log)
    log.extend(findings_on_equality([each.keys for each in scans]))
    training = [each for each in scans if each.split == TRAIN]
    log.extend(findings_on_shapes([each.shapes for each in training]))
    log.extend(findings_on_dominance([each.keys for each in training]))
    language = _look_deeper([source for source, each in zip(sources, scans, strict=True) if each.was_read], chosen, log)
    files = tuple(
        FileReport(path=each.name, split=each.split, n_records=each.n_records, sha256=each.sha256) for each in scans
    )
    return DatasetReport(
        files=files,
        findings=log.sorted(),
        counts=dict(log.counts),
        counts_by_code=dict(log.counts_by_code),
        language=language,
    )


def _look_deeper(sources: Sequence[Source], chosen: CheckOptions, log: FindingLog) -> LanguageProfile | None:
    """The second pass, unless it is not wanted."""
    options = chosen.deep
    if options is None or not sources:
        return None
    needs = Requirements.of(chosen.targets, max_prompt_tokens=chosen.max_prompt_tokens)
    deep = DeepPass(options=options, needs=needs, log=log)
    deep.run(sources)
    return deep.language.profile() if options.needs_language else None


def _check_sizes(scans: Sequence[FileScan], needs: Requirements, log: FindingLog) -> None:
    """Quotas hold for the training files together; a file without any record is always an error."""
    readable = [scan for scan in scans if scan.was_read]
    for scan in readable:
        if not scan.n_records and not scan.n_refused:
            log.add(finding_at(Place(file=scan.name), "empty-file", "The file holds no record."))
    training = [scan for scan in readable if scan.split == TRAIN]
    n_records = sum(scan.n_records + scan.n_refused for scan in training)
    if n_records:
        log.extend(check_size(n_records, needs, training[0].name))
