"""The checks: what was graded goes in, findings come out. Nothing is run here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.grader.trial.cases import EQUIVALENT, PROBE, RIGHT, WRONG, Case
from airflow_provider_bedrock_rft.core.grader.trial.report import MAX_SAMPLES_SHOWN, Check, Shown

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.grader.sample import GraderSample

_CUT = 160
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What a grader is held to.

    Attributes:
        top: The score of a right answer.
        min_right: Least share of right answers at the top.
        min_separated: Least share of wrong answers below the right one of the same record.
        min_equivalent: Least share, for every kind of rewriting, of those that score as the right answer.
        max_probe: Largest mean score of a probe, as a share of the way from the lowest score to the top.
    """

    top: float = 1.0
    min_right: float = 0.99
    min_separated: float = 0.95
    min_equivalent: float = 0.9
    max_probe: float = 0.25


@dataclass(frozen=True, slots=True)
class Graded:
    """The cases and the scores they got; a case without a score failed."""

    cases: Sequence[Case]
    scores: Mapping[str, float]
    thresholds: Thresholds

    def of(self, group: str) -> list[tuple[Case, float]]:
        """The cases of a group that have a score."""
        found = ((case, self.scores.get(case.sample.sample_id)) for case in self.cases if case.group == group)
        return [(case, score) for case, score in found if score is not None]

    @property
    def lowest(self) -> float:
        """The least score of all."""
        return min(self.scores.values(), default=0.0)

    def share_of_way(self, score: float) -> float:
        """How far ``score`` is from the lowest score to the top."""
        distance = self.thresholds.top - self.lowest
        return (score - self.lowest) / distance if distance > _TOLERANCE else 1.0


def content_checks(graded: Graded) -> list[Check]:
    """Right answers at the top, wrong ones below, other writings alike, probes unpaid, rewards spread."""
    return [
        check_right(graded),
        check_separated(graded),
        check_equivalents(graded),
        *check_probes(graded),
        check_spread(graded),
    ]


def check_right(graded: Graded) -> Check:
    """The reference's answer earns the top."""
    right = graded.of(RIGHT)
    low = [(case, score) for case, score in right if score < graded.thresholds.top - _TOLERANCE]
    share = 1 - len(low) / len(right) if right else 0.0
    return Check(
        code="reference-at-top",
        passed=share >= graded.thresholds.min_right,
        value=share,
        threshold=graded.thresholds.min_right,
        message=f"{len(right) - len(low)} of {len(right)} right answers score {graded.thresholds.top:g}.",
        samples=shown(low),
    )


def check_separated(graded: Graded) -> Check:
    """A wrong answer earns less than the right one of its record."""
    right = {case.record_index: score for case, score in graded.of(RIGHT)}
    wrong = graded.of(WRONG)
    paid = [(case, score) for case, score in wrong if score >= right.get(case.record_index, float("inf")) - _TOLERANCE]
    share = 1 - len(paid) / len(wrong) if wrong else 0.0
    return Check(
        code="wrong-below",
        passed=share >= graded.thresholds.min_separated,
        value=share,
        threshold=graded.thresholds.min_separated,
        message=f"{len(paid)} of {len(wrong)} wrong answers score as much as the right one.",
        samples=shown(paid),
    )


def check_equivalents(graded: Graded) -> Check:
    """Another writing of the right answer earns the same; the worst kind of rewriting counts."""
    right = {case.record_index: score for case, score in graded.of(RIGHT)}
    same: dict[str, list[bool]] = defaultdict(list)
    low = []
    for case, score in graded.of(EQUIVALENT):
        is_same = abs(score - right.get(case.record_index, float("inf"))) <= _TOLERANCE
        same[case.name].append(is_same)
        if not is_same:
            low.append((case, score))
    shares = {name: fmean(verdicts) for name, verdicts in same.items()}
    missed = sorted(name for name, share in shares.items() if share < graded.thresholds.min_equivalent)
    return Check(
        code="equivalent-writings",
        passed=not missed,
        value=min(shares.values(), default=1.0),
        threshold=graded.thresholds.min_equivalent,
        message=f"not accepted: {', '.join(missed)}." if missed else f"all {len(shares)} rewritings are accepted.",
        samples=shown([(case, score) for case, score in low if case.name in missed]),
    )


def check_probes(graded: Graded) -> list[Check]:
    """What deserves nothing earns little; one check per probe."""
    by_name: dict[str, list[tuple[Case, float]]] = defaultdict(list)
    for case, score in graded.of(PROBE):
        by_name[case.name].append((case, score))
    limit = graded.thresholds.max_probe
    checks = []
    for name, paid in by_name.items():
        mean = fmean(graded.share_of_way(score) for _, score in paid)
        worst = sorted(paid, key=lambda pair: -pair[1])
        checks.append(
            Check(
                code=f"probe-{name}",
                passed=mean <= limit,
                value=mean,
                threshold=limit,
                message=f"{len(paid)} completions earn {mean:.2f} of the way to the top.",
                samples=shown(worst),
            )
        )
    return checks


def check_spread(graded: Graded) -> Check:
    """Rewards differ: a grader that always says the same teaches nothing."""
    n_different = len({round(score, 9) for score in graded.scores.values()})
    return Check(
        code="reward-spread",
        passed=n_different > 1,
        value=float(n_different),
        threshold=2.0,
        message=f"{n_different} different scores among {len(graded.scores)}.",
    )


def check_agreement(code: str, what: str, base: Mapping[str, float], other: Mapping[str, float]) -> Check:
    """The same samples get the same scores, to the last digit, under another circumstance."""
    different = [sample_id for sample_id, score in base.items() if other.get(sample_id) != score]
    return Check(
        code=code,
        passed=not different,
        value=float(len(different)),
        threshold=0.0,
        message=f"{len(different)} of {len(base)} scores change with {what}.",
        samples=[
            Shown(sample_id=sample_id, completion=f"{base[sample_id]} became {other.get(sample_id)}", reference="")
            for sample_id in different[:MAX_SAMPLES_SHOWN]
        ],
    )


def histogram_of(scores: Iterable[float]) -> dict[str, int]:
    """Counts of scores by tenth of their range."""
    values = sorted(scores)
    if not values:
        return {}
    low, high = values[0], values[-1]
    if high - low <= _TOLERANCE:
        return {f"{low:.2f}": len(values)}
    counts = dict.fromkeys(range(10), 0)
    for value in values:
        counts[min(9, int((value - low) / (high - low) * 10))] += 1
    width = (high - low) / 10
    return {f"{low + n * width:.2f} to {low + (n + 1) * width:.2f}": count for n, count in counts.items()}


def shown(pairs: Sequence[tuple[Case, float]]) -> list[Shown]:
    """The first few samples, for people."""
    return [show(case.sample, score) for case, score in pairs[:MAX_SAMPLES_SHOWN]]


def show(sample: GraderSample, score: float | None = None) -> Shown:
    """A sample, cut to a readable length."""
    return Shown(
        sample_id=sample.sample_id,
        completion=_cut(sample.completion),
        reference=_cut(str(sample.reference)),
        score=score,
    )


def _cut(text: str) -> str:
    return text if len(text) <= _CUT else f"{text[: _CUT // 2]} … {text[-_CUT // 2 :]}"
