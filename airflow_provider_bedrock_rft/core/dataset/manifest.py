"""Where a dataset came from and what was checked: enough to make it again and to tell whether it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.dataset.language import LanguageProfile
from airflow_provider_bedrock_rft.core.dataset.quota import Target

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.dataset.check import DatasetReport
    from airflow_provider_bedrock_rft.core.dataset.jsonl import Written
    from airflow_provider_bedrock_rft.core.dataset.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSource:
    """One file a dataset was made from; ``version`` is its ETag where it has one."""

    name: str
    split: str
    n_records: int
    sha256: str
    version: str = ""


@payload("rft.dataset_manifest")
@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetManifest:
    """A dataset's birth certificate.

    Attributes:
        fingerprint: SHA-256 of the canonical bytes.
        n_records: Records in them.
        size_bytes: Their size.
        sources: What they were made from, evaluation data that was only compared included.
        targets: What it was checked for.
        findings: Severity → findings; no errors, or it would not exist.
        findings_by_code: Code → findings.
        split_seed: Seed of the split, ``None`` when there was none.
        split_fractions: Its fractions.
        tool_version: Version of this package.
        language: Profile for the next dataset's drift check.
    """

    fingerprint: str
    n_records: int
    size_bytes: int
    sources: tuple[ManifestSource, ...]
    targets: tuple[Target, ...]
    findings: Mapping[str, int]
    findings_by_code: Mapping[str, int]
    tool_version: str
    split_seed: int | None = None
    split_fractions: Mapping[str, float] = field(default_factory=dict)
    language: LanguageProfile | None = None


def manifest_of(
    report: DatasetReport,
    written: Written,
    sources: Sequence[Source],
    *,
    targets: Sequence[Target],
    tool_version: str,
) -> DatasetManifest:
    """The manifest of a dataset that was checked and written."""
    versions = {source.name: source.version for source in sources}
    return DatasetManifest(
        fingerprint=written.sha256,
        n_records=written.n_records,
        size_bytes=written.size_bytes,
        sources=tuple(
            ManifestSource(
                name=file.path,
                split=file.split,
                n_records=file.n_records,
                sha256=file.sha256,
                version=versions.get(file.path, ""),
            )
            for file in report.files
        ),
        targets=tuple(targets),
        findings={severity.value: count for severity, count in report.counts.items()},
        findings_by_code=dict(report.counts_by_code),
        tool_version=tool_version,
        language=report.language,
    )
