"""Runs a grader through the bench: which cases, in which order, under which circumstances."""

from __future__ import annotations

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from statistics import fmean, quantiles
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.grader.contract import (
    MAX_PAYLOAD_BYTES,
    EventLayout,
    batches_of,
    encode_event,
    read_reply,
)
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample, Turn
from airflow_provider_bedrock_rft.core.grader.trial.cases import (
    RIGHT,
    WRONG,
    Subject,
    cases_of,
    subjects_of,
    template_cases,
)
from airflow_provider_bedrock_rft.core.grader.trial.checks import (
    Graded,
    Thresholds,
    check_agreement,
    content_checks,
    histogram_of,
)
from airflow_provider_bedrock_rft.core.grader.trial.conduct import Conduct, FatalConduct
from airflow_provider_bedrock_rft.core.grader.trial.report import Check, TrialReport

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.grader.trial.process import GraderProcess

SERVICE_BATCH = 128
"""The largest batch a service is known to send (SageMaker's recipe); Bedrock does not say."""
NEAR_LIMIT_BYTES = 5_500_000
N_TEMPLATE_RECORDS = 24
N_REPEATED = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettings:
    """How hard the bench looks.

    Attributes:
        max_records: Records tried, from the start of the dataset; 0 for all.
        batch_size: Samples per event.
        timeout_seconds: The Lambda's.
        memory_mb: The Lambda's.
        thresholds: See :class:`Thresholds`.
        answer_key: Metadata field that holds a right completion, where the reference is not one (unit tests, rubrics).
        keywords: The grader's own literals, for the probe that recites them.
        skipped: Codes of checks that do not apply.
    """

    max_records: int = 200
    batch_size: int = 64
    timeout_seconds: float = 300.0
    memory_mb: int = 512
    thresholds: Thresholds = field(default_factory=Thresholds)
    answer_key: str = ""
    keywords: Sequence[str] = ()
    skipped: AbstractSet[str] = frozenset()


def run_trial(
    process: GraderProcess, records: Sequence[Record], settings: TrialSettings, *, origin: str
) -> TrialReport:
    """Every check on ``records`` and what is derived from them. Misconduct is a finding, never an error."""
    chosen = records[: settings.max_records or None]
    subjects = subjects_of(chosen, answer_key=settings.answer_key)
    report = TrialReport(origin=origin, checks=(), n_records=len(chosen))
    bench = _Bench(process, settings, Conduct())
    if not subjects:
        report = replace(report, checks=(Check(code="dataset-gradable", passed=False, message=_NO_REFERENCES),))
    else:
        try:
            report = bench.run(subjects, report)
        except FatalConduct:
            report = replace(report, n_graded=bench.n_graded)
        report = replace(report, checks=(*bench.conduct.checks(), *report.checks))
    kept = tuple(check for check in report.checks if check.code not in settings.skipped)
    return replace(report, checks=kept)


_NO_REFERENCES = "No record has a reference that an answer can be taken from; name the field that has one (answer key)."


class _Bench:
    def __init__(self, process: GraderProcess, settings: TrialSettings, conduct: Conduct) -> None:
        self._process = process
        self._settings = settings
        self.conduct = conduct
        self.n_graded = 0

    def run(self, subjects: Sequence[Subject], report: TrialReport) -> TrialReport:
        template = self._choose_template(subjects[:N_TEMPLATE_RECORDS])
        cases = list(
            cases_of(
                subjects,
                template,
                keywords=self._settings.keywords,
                skipped={code.removeprefix("probe-") for code in self._settings.skipped},
            )
        )
        scores = self._grade([case.sample for case in cases])
        few = [case.sample for case in cases if case.group in {RIGHT, WRONG}][:N_REPEATED]
        base = {sample.sample_id: scores[sample.sample_id] for sample in few if sample.sample_id in scores}
        checks = [
            *content_checks(Graded(cases, scores, self._settings.thresholds)),
            *self._circumstance_checks(few, base),
            *self._edge_checks(few),
        ]
        latency_ms, latency_checks = self._latency(few)
        checks += [*latency_checks, self._payload_check(few), self._memory_check()]
        return replace(
            report,
            checks=tuple(checks),
            n_graded=self.n_graded,
            template=template,
            latency_ms=latency_ms,
            rewards=histogram_of(scores.values()),
        )

    def _choose_template(self, subjects: Sequence[Subject]) -> str:
        """The form of answer that earns most; of equals the first."""
        means: dict[str, float] = {}
        for template, cases in template_cases(subjects).items():
            scores = self._grade([case.sample for case in cases])
            means[template] = fmean(scores.values()) if scores else float("-inf")
        return max(means, key=lambda template: means[template])

    def _grade(
        self,
        samples: Sequence[GraderSample],
        layout: EventLayout = EventLayout.MANTLE,
        *,
        batch_size: int = 0,
    ) -> dict[str, float]:
        scores: dict[str, float] = {}
        size = batch_size or self._settings.batch_size
        for batch in batches_of(samples, max_samples=size, max_bytes=MAX_PAYLOAD_BYTES // 2):
            scores.update(self.conduct.observe(self._process.invoke(encode_event(batch, layout)), batch))
            self.n_graded += len(batch)
        return scores

    def _circumstance_checks(self, few: Sequence[GraderSample], base: dict[str, float]) -> list[Check]:
        again = self._grade(few)
        backwards = self._grade(list(reversed(few)))
        alone = self._grade(few, batch_size=1)
        layouts = {layout: self._grade(few, layout) for layout in EventLayout}
        different = sorted(layout.value for layout, scores in layouts.items() if scores != base)
        by_layout = Check(
            code="event-layouts",
            passed=not different,
            value=float(len(different)),
            threshold=0.0,
            message=f"other scores in the layouts {', '.join(different)}."
            if different
            else "all give the same scores.",
        )
        return [
            check_agreement("deterministic", "repetition", base, again),
            check_agreement("order-independent", "the order of the batch", base, backwards),
            check_agreement("size-independent", "the size of the batch", base, alone),
            by_layout,
        ]

    def _edge_checks(self, few: Sequence[GraderSample]) -> list[Check]:
        """Events at the edge of the contract: each has to be answered, with whatever score."""
        blank = GraderSample(sample_id="edge", completion="", turns=(Turn("user", ""),))
        events: dict[str, tuple[bytes, list[str]]] = {
            "an empty batch": (encode_event([]), []),
            "no reference": (encode_event([blank]), ["edge"]),
            "no messages": (json.dumps([{"id": "edge", "messages": []}]).encode(), ["edge"]),
            "two samples of one prompt": (encode_event([replace(few[0], sample_id=name) for name in "ab"]), ["a", "b"]),
        }
        bad = []
        for name, (event, sample_ids) in events.items():
            answer = self._process.invoke(event)
            findings = read_reply(answer.payload, sample_ids).findings
            if answer.error_type or findings:
                bad.append(f"{name} ({answer.error_type or findings[0].message})")
        message = f"not answered: {'; '.join(bad)}." if bad else "all are answered."
        return [Check(code="edge-cases", passed=not bad, value=float(len(bad)), threshold=0.0, message=message)]

    def _latency(self, few: Sequence[GraderSample]) -> tuple[dict[str, float], list[Check]]:
        single = [self._process.invoke(encode_event([sample])).seconds for sample in few]
        if len(single) < 2:
            return {}, []
        cuts = quantiles(single, n=100, method="inclusive")
        latency_ms = {f"p{percent}": cuts[percent - 1] * 1000 for percent in (50, 95, 99)}
        batch_seconds = cuts[94] * SERVICE_BATCH
        limit = self._settings.timeout_seconds / 2
        check = Check(
            code="latency",
            passed=batch_seconds <= limit,
            value=batch_seconds,
            threshold=limit,
            message=f"a batch of {SERVICE_BATCH} takes {batch_seconds:.3g} s at p95; half the timeout is {limit:g} s.",
        )
        return latency_ms, [check]

    def _payload_check(self, few: Sequence[GraderSample]) -> Check:
        """A batch whose event is near Lambda's quota, padded in the prompt."""
        per_sample = NEAR_LIMIT_BYTES // max(1, len(few)) - len(encode_event(few)) // max(1, len(few))
        padding = (Turn("system", "x" * max(0, per_sample)),)
        padded = [replace(sample, turns=(*padding, *sample.turns)) for sample in few]
        event = encode_event(padded, EventLayout.DOCUMENTED)
        answer = self._process.invoke(event)
        findings = read_reply(answer.payload, [sample.sample_id for sample in padded]).findings
        passed = not answer.error_type and not findings
        reason = answer.error_type or (findings[0].message if findings else "is answered")
        return Check(
            code="payload",
            passed=passed,
            value=len(event) / 1e6,
            threshold=MAX_PAYLOAD_BYTES / 1e6,
            message=f"an event of {len(event) / 1e6:.1f} MB: {reason}.",
        )

    def _memory_check(self) -> Check:
        limit = 0.8 * self._settings.memory_mb
        peak = self.conduct.peak_mb
        return Check(
            code="memory",
            passed=peak <= limit,
            value=peak,
            threshold=limit,
            message=f"at most {peak:.0f} MB of {self._settings.memory_mb} MB.",
        )
