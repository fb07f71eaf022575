"""The gate: a comparison held against a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.evaluation.power import power_of
from airflow_provider_bedrock_rft.core.promotion.decision import Decision, Reason, Verdict
from airflow_provider_bedrock_rft.core.promotion.policy import ANY_SLICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison
    from airflow_provider_bedrock_rft.core.evaluation.power import Power
    from airflow_provider_bedrock_rft.core.evaluation.slices import SliceDifference
    from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy

_STRICTNESS = {Verdict.REJECT: 0, Verdict.HOLD: 1, Verdict.PROMOTE: 2}


def judge(
    comparison: Comparison,
    policy: PromotionPolicy,
    *,
    alpha: float | None = None,
    training_reward: float | None = None,
) -> Decision:
    """Decide about a candidate.

    Args:
        comparison: Of the candidate with what serves now.
        policy: What a promotion asks for.
        alpha: Significance level of this one test; ``None`` takes the policy's.
        training_reward: Mean reward at the end of training, where the policy limits its distance to the held-out score.
    """
    alpha = policy.alpha if alpha is None else alpha
    power = None
    if comparison.difference is not None:
        power = power_of(
            target=policy.target_gain,
            standard_error=comparison.standard_error,
            n=comparison.n_samples,
            alpha=alpha,
            wanted=policy.power,
        )
    reasons = [
        *_about_difference(comparison, policy, alpha, power),
        *_about_slices(comparison, policy),
        *_about_growth(comparison, policy),
        *_about_reward(comparison, policy, training_reward),
    ]
    reasons.sort(key=lambda reason: _STRICTNESS[reason.verdict])
    verdict = reasons[0].verdict
    return Decision(
        verdict=verdict,
        reasons=tuple(reasons),
        alpha=alpha,
        p_value=comparison.p_value,
        power=power,
        comparison_fingerprint=comparison.content_fingerprint(),
        needs_approval=policy.requires_approval and verdict is Verdict.PROMOTE,
    )


def _about_difference(
    comparison: Comparison, policy: PromotionPolicy, alpha: float, power: Power | None
) -> Iterator[Reason]:
    difference = comparison.difference
    if difference is None or power is None:
        yield _hold("too-few-samples", str(comparison.too_few))
        return
    numbers = f"{difference} at {difference.confidence:.0%}, p = {comparison.p_value:.2g} ({comparison.test})"
    if comparison.n_samples < policy.min_samples:
        yield _hold("too-few-samples", f"{comparison.n_samples} pairs; the policy asks for {policy.min_samples}.")
    if comparison.all_tie:
        yield _hold("all-ties", f"All {comparison.n_samples} samples score the same on both sides.")
    elif comparison.p_worse <= policy.alpha:
        yield _reject("worse", f"The candidate is worse: {difference}, p = {comparison.p_worse:.2g}.")
    elif comparison.p_value > alpha:
        yield _hold("not-significant", f"No gain shown: {numbers}, asked for p <= {alpha:.2g}. {_advice(power)}")
    elif difference.value < policy.minimum_gain:
        yield _hold("gain-too-small", f"The gain {numbers} is below the minimum of {policy.minimum_gain:+.4g}.")
    else:
        yield Reason(code="better", verdict=Verdict.PROMOTE, text=f"The candidate is better: {numbers}.")


def _advice(power: Power) -> str:
    if power.alpha <= 0:
        return "The error budget of this year is spent: no test can promote before the next."
    seen = f"A true gain of {power.target:+.3g} is seen with {power.at_target:.0%} power"
    if power.n_more:
        return f"{seen}; {power.n_more:,} more samples would make it {power.wanted:.0%}."
    return f"{seen}: there is hardly one."


def _about_slices(comparison: Comparison, policy: PromotionPolicy) -> Iterator[Reason]:
    found = {one.name: one for one in comparison.slices}
    for name in sorted(policy.slice_margins.keys() - found.keys() - {ANY_SLICE}):
        yield _hold("slice-absent", f"The policy protects slice {name}, of which there is no sample.")
    for one in comparison.slices:
        margin = policy.slice_margins.get(one.name, policy.slice_margins.get(ANY_SLICE))
        if margin is None:
            yield from _about_unnamed_slice(one, policy)
        else:
            yield from _about_protected_slice(one, margin)


def _about_unnamed_slice(one: SliceDifference, policy: PromotionPolicy) -> Iterator[Reason]:
    if one.difference is not None and one.p_worse <= policy.alpha:
        yield _hold(
            "slice-worse", f"Slice {one.name} is worse: {one.difference}, p = {one.p_worse:.2g} over all slices."
        )


def _about_protected_slice(one: SliceDifference, margin: float) -> Iterator[Reason]:
    if one.difference is None:
        yield _hold("slice-too-small", f"Slice {one.name} cannot be judged: {one.too_few}")
    elif one.difference.high < -margin:
        yield _reject("slice-inferior", f"Slice {one.name} lost more than {margin:.4g}: {one.difference}.")
    elif one.difference.low < -margin:
        yield _hold("slice-unsure", f"Slice {one.name} may have lost more than {margin:.4g}: {one.difference}.")


def _about_growth(comparison: Comparison, policy: PromotionPolicy) -> Iterator[Reason]:
    found = {one.what: one for one in comparison.growth}
    for what, limit in policy.max_growth.items():
        growth = found.get(what)
        if growth is None:
            yield _hold(f"{what}-unknown", f"The policy limits {what}, which too few samples report on both sides.")
            continue
        numbers = f"{what} grew by {growth.growth:+.1%} [{growth.low:+.1%}, {growth.high:+.1%}], allowed {limit:+.1%}."
        if growth.low > limit:
            yield _reject(f"{what}-grew", numbers)
        elif growth.high > limit:
            yield _hold(f"{what}-unsure", numbers)


def _about_reward(comparison: Comparison, policy: PromotionPolicy, training_reward: float | None) -> Iterator[Reason]:
    if policy.max_reward_gap is None or comparison.candidate is None:
        return
    if training_reward is None:
        yield _hold("reward-unknown", "The policy limits the gap to the training reward, which was not given.")
    elif training_reward - comparison.candidate.high > policy.max_reward_gap:
        yield _reject(
            "reward-gap",
            f"The training reward {training_reward:.3g} stands more than {policy.max_reward_gap:.3g} above the "
            f"held-out score {comparison.candidate.unsigned}: look for reward hacking.",
        )


def _hold(code: str, text: str) -> Reason:
    return Reason(code=code, verdict=Verdict.HOLD, text=text)


def _reject(code: str, text: str) -> Reason:
    return Reason(code=code, verdict=Verdict.REJECT, text=text)
