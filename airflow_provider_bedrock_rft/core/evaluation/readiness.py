"""Step 0: can reinforcement fine-tuning teach this model these prompts at all? Said before anything is paid for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.evaluation import interval
from airflow_provider_bedrock_rft.core.evaluation.difficulty import Level, difficulties
from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate, TooFewSamples
from airflow_provider_bedrock_rft.core.evaluation.pass_at_k import pass_rate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores

N_BINS = 10
_SOURCES = {"mean": "mean_reward", "rewarded": "rewarded", "solvable": "solvable", "usable": "usable"}


class ReadinessVerdict(str, Enum):
    """What to do next."""

    GO = "go"
    NO_GO = "no-go"
    SUPERVISED_FIRST = "supervised-first"
    NOT_NEEDED = "not-needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessRule:
    """Thresholds. The first three are AWS's guidance for Bedrock RFT; the others are this package's own.

    Attributes:
        not_needed_above: Mean reward (as a share of ``success_at``) above which there is little left to gain.
        sparse_below: Share of rewarded completions below which rewards are too sparse.
        success_at: Reward from which a completion counts as a success.
        floor: Reward of a completion that earned nothing.
        min_usable: Share of prompts whose groups must have mixed outcomes.
        max_truncated: Share of completions that may be cut by the token limit.
        max_grader_errors: Share of completions the grader may fail on.
        min_prompts: Fewer prompts are too few to say anything for sure.
    """

    not_needed_above: float = 0.95
    sparse_below: float = 0.05
    success_at: float = 1.0
    floor: float = 0.0
    min_usable: float = 0.2
    max_truncated: float = 0.2
    max_grader_errors: float = 0.05
    min_prompts: int = 30


@payload("rft.readiness")
@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """The answer of step 0.

    Attributes:
        verdict: What the point estimates say.
        is_certain: Both ends of every interval say the same, on enough prompts.
        reason: The rule and its numbers, in a sentence with the next action.
        n_prompts: Prompts with at least one score.
        completions_per_prompt: k.
        mean_reward: Over prompts.
        pass_at_1: Over prompts.
        pass_at_k: With k as above.
        rewarded: Share of completions above the floor.
        solvable: Share of prompts with any completion above the floor.
        usable: Share of prompts with mixed outcomes: only their groups teach.
        wasted_rollouts: Share of training completions expected to teach nothing, ``1 - usable``; a larger training
            group wastes less.
        n_truncated: Completions cut by the token limit.
        n_grader_errors: Completions without a score.
        n_completions: All completions.
        histogram: Upper edge and count of ten equal bins between the lowest and the highest reward.
        levels: Level → number of prompts.
        difficulty_uri: Where the difficulty per prompt was written.
    """

    verdict: ReadinessVerdict
    is_certain: bool
    reason: str
    n_prompts: int
    completions_per_prompt: int
    mean_reward: Estimate
    pass_at_1: Estimate
    pass_at_k: Estimate
    rewarded: Estimate
    solvable: Estimate
    usable: Estimate
    wasted_rollouts: float
    n_truncated: int
    n_grader_errors: int
    n_completions: int
    histogram: tuple[tuple[float, int], ...]
    levels: dict[str, int]
    difficulty_uri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbers:
    """What the rule looks at, as point estimates or as one end of their intervals."""

    mean: float
    rewarded: float
    solvable: float
    usable: float
    truncated: float
    grader_errors: float


def assess(
    samples: Sequence[SampleScores],
    *,
    n_truncated: int = 0,
    n_grader_errors: int = 0,
    rule: ReadinessRule | None = None,
    confidence: float = 0.95,
    difficulty_uri: str = "",
) -> Readiness | TooFewSamples:
    """Judge a base model's scores, several completions per prompt.

    Raises:
        InvalidInput: Prompts have a single completion each, which says nothing about groups.
    """
    rule = rule or ReadinessRule()
    scored = [sample for sample in samples if sample.scores]
    if len(scored) < interval.MIN_SAMPLES:
        return TooFewSamples(what="prompts with a score", n=len(scored), needed=interval.MIN_SAMPLES)
    if max(len(sample.scores) for sample in scored) < 2:
        raise InvalidInput(
            "Every prompt has a single completion, which says nothing about groups.",
            action="Ask for 4 to 8 completions per prompt.",
        )
    scores = [score for sample in scored for score in sample.scores]
    n_completions = len(scores) + n_grader_errors
    estimates = _estimates(scored, rule, confidence)
    verdict, reason, is_certain = _verdict(
        estimates, rule, n_truncated / n_completions, n_grader_errors / n_completions, n_prompts=len(scored)
    )
    rated = list(difficulties(scored, success_at=rule.success_at, floor=rule.floor))
    return Readiness(
        verdict=verdict,
        is_certain=is_certain,
        reason=reason,
        n_prompts=len(scored),
        completions_per_prompt=min(len(sample.scores) for sample in scored),
        wasted_rollouts=1.0 - estimates["usable"].value,
        n_truncated=n_truncated,
        n_grader_errors=n_grader_errors,
        n_completions=n_completions,
        histogram=histogram_of(scores),
        levels={level.value: sum(one.level is level for one in rated) for level in Level},
        difficulty_uri=difficulty_uri,
        **estimates,
    )


def _verdict(
    estimates: dict[str, Estimate], rule: ReadinessRule, truncated: float, grader_errors: float, *, n_prompts: int
) -> tuple[ReadinessVerdict, str, bool]:
    """The verdict of the point estimates, and whether both ends of the intervals agree with it."""
    found = [
        _judge(
            _Numbers(
                **{name: getattr(estimates[source], end) for name, source in _SOURCES.items()},
                truncated=truncated,
                grader_errors=grader_errors,
            ),
            rule,
        )
        for end in ("value", "low", "high")
    ]
    verdict, reason = found[0]
    if n_prompts >= rule.min_prompts and all(other is verdict for other, _ in found):
        return verdict, reason, True
    return verdict, f"{reason} With {n_prompts} prompts this is not certain: add more.", False


def _estimates(scored: Sequence[SampleScores], rule: ReadinessRule, confidence: float) -> dict[str, Estimate]:
    n, k = len(scored), min(len(sample.scores) for sample in scored)
    rewarded = [sum(score > rule.floor for score in sample.scores) / len(sample.scores) for sample in scored]
    n_usable = sum(max(sample.scores) > min(sample.scores) for sample in scored)
    found = {
        "mean_reward": interval.mean([sample.mean / rule.success_at for sample in scored], confidence=confidence),
        "pass_at_1": pass_rate(scored, 1, success_at=rule.success_at, confidence=confidence),
        "pass_at_k": pass_rate(scored, k, success_at=rule.success_at, confidence=confidence),
        "rewarded": interval.mean_share(rewarded, confidence=confidence),
        "solvable": interval.proportion(sum(share > 0 for share in rewarded), n, confidence=confidence),
        "usable": interval.proportion(n_usable, n, confidence=confidence),
    }
    return {name: one for name, one in found.items() if isinstance(one, Estimate)}


def _judge(numbers: _Numbers, rule: ReadinessRule) -> tuple[ReadinessVerdict, str]:
    """The first objection, or go."""
    go = (
        ReadinessVerdict.GO,
        f"{numbers.usable:.1%} of prompts have mixed outcomes: there is something to learn.",
    )
    return next(_objections(numbers, rule), go)


def _objections(numbers: _Numbers, rule: ReadinessRule) -> Iterator[tuple[ReadinessVerdict, str]]:
    if numbers.grader_errors > rule.max_grader_errors:
        share = f"{numbers.grader_errors:.1%} of completions ({rule.max_grader_errors:.0%} allowed)"
        yield ReadinessVerdict.NO_GO, f"The grader fails on {share}: mend it first."
    if numbers.truncated > rule.max_truncated:
        share = f"{numbers.truncated:.1%} of completions ({rule.max_truncated:.0%} allowed)"
        yield ReadinessVerdict.NO_GO, f"The token limit cuts {share}: raise max_tokens."
    if numbers.mean > rule.not_needed_above:
        share = f"{numbers.mean:.1%} of the full reward (above {rule.not_needed_above:.0%})"
        yield ReadinessVerdict.NOT_NEEDED, f"The model already earns {share}: there is little to gain."
    if numbers.solvable < rule.sparse_below:
        share = f"{numbers.solvable:.1%} of prompts ever earn a reward (below {rule.sparse_below:.0%})"
        yield ReadinessVerdict.SUPERVISED_FIRST, f"Only {share}: teach the knowledge by supervised fine-tuning first."
    if numbers.rewarded < rule.sparse_below:
        share = f"{numbers.rewarded:.1%} of completions earn a reward (below {rule.sparse_below:.0%})"
        yield ReadinessVerdict.NO_GO, f"Only {share}: give partial credit, or easier prompts."
    if numbers.usable < rule.min_usable:
        share = f"{numbers.usable:.1%} of prompts have mixed outcomes (below {rule.min_usable:.0%})"
        yield ReadinessVerdict.NO_GO, f"Only {share}: filter the dataset by difficulty."


def histogram_of(scores: Sequence[float], *, n_bins: int = N_BINS) -> tuple[tuple[float, int], ...]:
    """Upper edge and count of equal bins; a single bin where all scores are the same."""
    low, high = min(scores), max(scores)
    if low == high:
        return ((high, len(scores)),)
    width = (high - low) / n_bins
    counts = [0] * n_bins
    for score in scores:
        counts[min(n_bins - 1, math.floor((score - low) / width))] += 1
    return tuple((low + width * (index + 1), count) for index, count in enumerate(counts))
