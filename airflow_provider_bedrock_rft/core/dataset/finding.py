"""What a check observed: a code, where it stands, and what to do about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.dataset.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Severity(str, Enum):
    """How bad a finding is: an *error* stops the pipeline, a *warning* deserves a look, an *info* is for the record."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """An observation about one record, before anyone knows which line of which file it stands on."""

    code: str
    message: str
    field: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of a file, counted from 1; line 0 is the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One observation at one place.

    Attributes:
        code: Stable name of the rule, a key of :data:`core.dataset.rules.RULES`.
        severity: The rule's, unless the target makes it milder or harsher.
        place: Where it stands.
        other: The second place, where two are involved.
        field: The key or path inside the record, where one is meant.
        message: What is wrong, in one sentence.
    """

    code: str
    severity: Severity
    place: Place
    message: str
    field: str = ""
    other: Place | None = None

    @property
    def action(self) -> str:
        """What to do about it."""
        return RULES[self.code].action

    def __str__(self) -> str:
        where = f"{self.place} (and {self.other})" if self.other else str(self.place)
        return f"{where}: {self.severity.value} {self.code}: {self.message} {self.action}"


def finding_at(
    place: Place,
    code: str,
    message: str,
    *,
    field: str = "",
    other: Place | None = None,
    severity: Severity | None = None,
) -> Finding:
    """A finding with its rule's severity, unless ``severity`` is given."""
    chosen = severity or Severity(RULES[code].severity)
    return Finding(code=code, severity=chosen, place=place, other=other, field=field, message=message)


@dataclass(slots=True)
class FindingLog:
    """Counts every finding and keeps the first ``max_kept_per_code`` of each code, so that memory stays bounded."""

    max_kept_per_code: int = 100_000
    kept: list[Finding] = field(default_factory=list)
    counts: Counter[Severity] = field(default_factory=Counter)
    counts_by_code: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it while there is room."""
        self.counts[finding.severity] += 1
        self.counts_by_code[finding.code] += 1
        if self.counts_by_code[finding.code] <= self.max_kept_per_code:
            self.kept.append(finding)

    def absorb(self, later: FindingLog, *, lines_before: int) -> None:
        """Take in what was found, of one file, in the lines after the first ``lines_before``."""
        for finding in later.kept:
            place = replace(finding.place, line=finding.place.line + lines_before)
            self.add(replace(finding, place=place))
        self.counts_by_code += later.counts_by_code - Counter(finding.code for finding in later.kept)
        self.counts += later.counts - Counter(finding.severity for finding in later.kept)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add several."""
        for finding in findings:
            self.add(finding)

    def sorted(self) -> tuple[Finding, ...]:
        """What was kept, by file in order of first appearance, then by line."""
        files: dict[str, int] = {}
        for finding in self.kept:
            files.setdefault(finding.place.file, len(files))
        return tuple(sorted(self.kept, key=lambda each: (files[each.place.file], each.place.line)))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.kept)
