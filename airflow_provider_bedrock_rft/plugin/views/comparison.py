"""Two evaluations side by side, and what was decided about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import load
from airflow_provider_bedrock_rft.core.errors import InvalidPayload
from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate
from airflow_provider_bedrock_rft.core.evaluation.growth import Growth
from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun, ScoredCompletion
from airflow_provider_bedrock_rft.hooks.gate import GateResult
from airflow_provider_bedrock_rft.plugin.facts import Note

if TYPE_CHECKING:
    from typing import TypeVar

    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison
    from airflow_provider_bedrock_rft.plugin.facts import Output

    T = TypeVar("T")

MAX_TEXT = 20_000
"""Characters of a text that are sent to the browser."""
OUTCOMES = ("all", "losses", "wins", "ties")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The evaluations that a comparison is about, and the task that made the candidate's."""

    baseline: EvaluationRun
    candidate: EvaluationRun
    task_id: str
    map_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonView:
    """What the run's own payloads say; ``gate`` is ``None`` while nothing was decided."""

    gate: GateResult | None
    baseline: EvaluationRun | None
    candidate: EvaluationRun | None
    notes: Sequence[Note]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceView:
    """The difference within one slice, or why there is none."""

    name: str
    n_samples: int
    difference: Estimate | None
    p_worse: float
    too_few: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsView:
    """What only the scored completions tell."""

    difference: Estimate | None
    n_samples: int
    n_wins: int
    n_losses: int
    test: str
    p_value: float
    slices: Sequence[SliceView]
    growth: Sequence[Growth]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """One completion with its score."""

    score: float | None
    text: str
    tokens: int
    latency_ms: float
    finish_reason: str
    error: str
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    """One sample under both models; all its texts are strangers' texts."""

    sample_id: str
    difference: float | None
    prompt: str
    reference: str
    slices: Mapping[str, str] = field(default_factory=dict)
    baseline: Sequence[AnswerView] = ()
    candidate: Sequence[AnswerView] = ()


def comparison_view(outputs: Sequence[Output]) -> tuple[ComparisonView, Pair | None]:
    """The comparison of a run, and the pair of evaluations behind it where there is one."""
    notes: list[Note] = []
    gates = [found for _, found in _loaded(GateResult, "rft.gate", outputs, notes)]
    gate = gates[-1] if gates else None
    pair = pair_in(_loaded(EvaluationRun, "rft.evaluation", outputs, notes), gate)
    view = ComparisonView(
        gate=gate,
        baseline=pair.baseline if pair else None,
        candidate=pair.candidate if pair else None,
        notes=notes,
    )
    return view, pair


def pair_in(evaluations: Sequence[tuple[Output, EvaluationRun]], gate: GateResult | None) -> Pair | None:
    """The two evaluations of the same prompts that the gate has judged; without a gate, the first and the last."""
    for output, candidate in reversed(evaluations):
        for _, baseline in evaluations:
            is_pair = candidate is not baseline and candidate.prompts_fingerprint == baseline.prompts_fingerprint
            is_judged = gate is None or (gate.baseline_model, gate.candidate_model) == (baseline.model, candidate.model)
            if is_pair and is_judged:
                return Pair(baseline=baseline, candidate=candidate, task_id=output.task_id, map_index=output.map_index)
    return None


def details_view(comparison: Comparison) -> DetailsView:
    """Slices and growth of a comparison; the slices that lost most come first."""
    slices = [
        SliceView(
            name=one.name,
            n_samples=one.n_samples,
            difference=one.difference,
            p_worse=one.p_worse,
            too_few=str(one.too_few or ""),
        )
        for one in comparison.slices
    ]
    slices.sort(key=lambda one: (one.difference is None, one.difference.value if one.difference else 0.0, one.name))
    return DetailsView(
        difference=comparison.difference,
        n_samples=comparison.n_samples,
        n_wins=comparison.n_wins,
        n_losses=comparison.n_losses,
        test=comparison.test,
        p_value=comparison.p_value,
        slices=slices,
        growth=comparison.growth,
    )


class Samples:
    """The samples of a pair of evaluations, ready to be paged through."""

    def __init__(
        self,
        baseline: Sequence[ScoredCompletion],
        candidate: Sequence[ScoredCompletion],
        records: Mapping[str, Record],
    ) -> None:
        self._sides = by_sample(baseline), by_sample(candidate)
        self._records = records
        names = dict.fromkeys([*self._sides[0], *self._sides[1]])
        self._differences = {name: self._difference(name) for name in names}

    def page(self, outcome: str, search: str, *, offset: int, limit: int) -> tuple[tuple[SampleView, ...], int]:
        """A page of the samples of that outcome whose texts hold ``search``, and how many there are.

        Losses come with the largest first, wins likewise, everything else in the order of the file.
        """
        wanted = [name for name in self._differences if self._is_of(outcome, name) and self._holds(name, search)]
        if outcome in {"losses", "wins"}:
            wanted.sort(key=lambda name: -abs(self._differences[name] or 0.0))
        return tuple(self._view(name) for name in wanted[offset : offset + limit]), len(wanted)

    def _difference(self, name: str) -> float | None:
        left, right = (mean_score(side.get(name, ())) for side in self._sides)
        return None if left is None or right is None else right - left

    def _is_of(self, outcome: str, name: str) -> bool:
        difference = self._differences[name]
        if outcome == "all":
            return True
        if difference is None:
            return False
        return {"losses": difference < 0, "wins": difference > 0}.get(outcome, difference == 0)

    def _holds(self, name: str, search: str) -> bool:
        if not search:
            return True
        record = self._records.get(name)
        texts = [name, record.prompt if record else ""]
        texts += [one.completion for side in self._sides for one in side.get(name, ())]
        return any(search.lower() in text.lower() for text in texts)

    def _view(self, name: str) -> SampleView:
        record = self._records.get(name)
        left, right = (side.get(name, ()) for side in self._sides)
        return SampleView(
            sample_id=name,
            difference=self._differences[name],
            prompt=shortened(record.prompt) if record else "",
            reference=shortened(str(record.reference)) if record and record.reference is not None else "",
            slices=(right or left)[0].slice,
            baseline=[answer_view(one) for one in left],
            candidate=[answer_view(one) for one in right],
        )


def _loaded(cls: type[T], kind: str, outputs: Sequence[Output], notes: list[Note]) -> list[tuple[Output, T]]:
    found = []
    for output in sorted(outputs, key=lambda one: one.at):
        if output.kind != kind:
            continue
        try:
            found.append((output, load(cls, output.value)))
        except InvalidPayload as error:
            notes.append(Note(severity="warning", text=f"{output.task_id}: {error.message}", action=error.action))
    return found


def by_sample(completions: Sequence[ScoredCompletion]) -> Mapping[str, Sequence[ScoredCompletion]]:
    """The completions of each sample, in order of first appearance."""
    found: dict[str, list[ScoredCompletion]] = {}
    for one in completions:
        found.setdefault(one.sample_id, []).append(one)
    return found


def mean_score(completions: Sequence[ScoredCompletion]) -> float | None:
    """The mean of a sample's scores, ``None`` where none was graded."""
    scores = [one.score for one in completions if one.score is not None]
    return sum(scores) / len(scores) if scores else None


def answer_view(one: ScoredCompletion) -> AnswerView:
    """A completion as the page shows it."""
    return AnswerView(
        score=one.score,
        text=shortened(one.completion),
        tokens=one.completion_tokens,
        latency_ms=one.latency_ms,
        finish_reason=one.finish_reason,
        error=shortened(one.error),
        metrics=one.metrics,
    )


def shortened(text: str) -> str:
    """The text as far as it is sent to the browser."""
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} … ({len(text) - MAX_TEXT:,} characters more)"
