"""What is wrong with a training job, judged by its curves while it still costs money.

Every rule has a stable code, a threshold that is named here, and a source. Sources: *docs* are the signals that AWS
names in its best-practice article on RFT (April 2026) and in the monitoring pages; *GRPO* follows from the algorithm
(group-normalised advantages vanish when all completions of a group score the same).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from statistics import fmean, median

from airflow_provider_bedrock_rft.core.dataset.finding import Severity
from airflow_provider_bedrock_rft.core.job.curve import Curve, smoothed

EQUAL_STEPS = 5
CONVERGED_SHARE = 0.9
PLATEAU_STEPS = 20
PLATEAU_REWARD = 0.15
COLLAPSE_SHARE = 0.5
ENTROPY_SHARE = 0.1
SPIKE_FACTOR = 10.0
LENGTH_FACTOR = 2.0
ABORTED_SHARE = 0.1
GRADER_ERROR_SHARE = 0.01
DIVERGENCE_STEPS = 4
TRUTH_LOST_SHARE = 0.1
GENERALISATION_GAP = 1 / 3
STALL_FACTOR = 10.0
STALL_SECONDS = 1800.0


class Code(str, Enum):
    """The rules."""

    EQUAL_REWARDS = "equal-rewards"
    PLATEAU = "plateau"
    REWARD_COLLAPSE = "reward-collapse"
    ENTROPY_COLLAPSE = "entropy-collapse"
    GRADIENT_SPIKE = "gradient-spike"
    LENGTH_RUNAWAY = "length-runaway"
    TRUNCATED_COMPLETIONS = "truncated-completions"
    REWARD_HACKING = "reward-hacking"
    OVERFITTING = "overfitting"
    GRADER_ERRORS = "grader-errors"
    JOB_ERRORS = "job-errors"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is known about a running job.

    Attributes:
        curve: Its metrics so far.
        now: Epoch seconds, by the clock that dates the events.
        held_out: Rewards on prompts that it does not train on, by step; from checkpoints that were evaluated, the base
            first. Empty, those that the job itself reports.
        n_grader_calls: Invocations of its grader so far.
        n_grader_errors: Those that failed.
    """

    curve: Curve
    now: float = 0.0
    held_out: Sequence[float] = ()
    n_grader_calls: int = 0
    n_grader_errors: int = 0

    @property
    def truth(self) -> Sequence[float]:
        """The held-out rewards, wherever they come from."""
        return self.held_out or self.curve.series("held_out_reward")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinding:
    """One thing that is wrong.

    Attributes:
        code: The rule.
        severity: An *error* means that what follows is wasted.
        step: The step at which it shows.
        message: One sentence with the numbers.
        action: What to do.
    """

    code: Code
    severity: Severity
    step: int
    message: str
    action: str

    def __str__(self) -> str:
        return f"step {self.step}: {self.severity.value} {self.code.value}: {self.message} {self.action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    code: Code
    severity: Severity
    source: str
    action: str
    look: Callable[[Observation], str] = field(repr=False)


def diagnose(seen: Observation) -> tuple[JobFinding, ...]:
    """Everything that the rules find, in the order of the table; a rule without enough data finds nothing."""
    found = ((rule, rule.look(seen)) for rule in RULES.values())
    step = seen.curve.last_step
    return tuple(
        JobFinding(code=rule.code, severity=rule.severity, step=step, message=message, action=rule.action)
        for rule, message in found
        if message
    )


def _has_converged(curve: Curve) -> bool:
    """True when equal rewards are the end of learning, not its absence: they rose, and stay about at their best."""
    means, norms = smoothed(curve.series("reward"), EQUAL_STEPS), curve.series("gradient_norm")
    if norms and not any(norms):
        return False
    return len(means) > EQUAL_STEPS and means[-1] > means[0] and means[-1] >= CONVERGED_SHARE * max(means)


def _equal_rewards(seen: Observation) -> str:
    if _has_converged(seen.curve):
        return ""
    rewards, norms = seen.curve.series("reward")[-EQUAL_STEPS:], seen.curve.series("gradient_norm")[-EQUAL_STEPS:]
    if len(rewards) == EQUAL_STEPS and max(rewards) == min(rewards):
        return f"the mean reward was {rewards[0]:.4g} in each of the last {EQUAL_STEPS} steps."
    losses = seen.curve.series("policy_loss")[-EQUAL_STEPS:]
    if len(norms) == len(losses) == EQUAL_STEPS and not any(norms) and not any(losses):
        return f"gradient and policy loss were 0 in each of the last {EQUAL_STEPS} steps: no group had mixed rewards."
    return ""


def _plateau(seen: Observation) -> str:
    rewards = seen.curve.series("reward")
    if len(rewards) < PLATEAU_STEPS:
        return ""
    half = PLATEAU_STEPS // 2
    first, last = rewards[:half], rewards[-half:]
    if fmean(last) >= PLATEAU_REWARD or fmean(last) - fmean(first) > 2 * _noise(rewards) / half**0.5:
        return ""
    return f"the mean reward is {fmean(last):.3g} after {len(rewards)} steps and does not rise."


def _reward_collapse(seen: Observation) -> str:
    rewards = seen.curve.series("reward")
    means = smoothed(rewards, 5)
    if len(means) < 6:
        return ""
    best, now = max(means), means[-1]
    fell = best - now
    if best <= 0 or fell < COLLAPSE_SHARE * best or fell < 3 * _noise(rewards) / 5**0.5:
        return ""
    return f"the mean reward fell from {best:.3g} to {now:.3g}."


def _entropy_collapse(seen: Observation) -> str:
    entropies = seen.curve.series("entropy")
    if len(entropies) < 10:
        return ""
    first, last = max(entropies[:3]), fmean(entropies[-3:])  # it may be over within the first steps
    if first <= 0 or last > ENTROPY_SHARE * first:
        return ""
    return f"the entropy fell from {first:.3g} to {last:.3g}: the model repeats itself and explores no more."


def _gradient_spike(seen: Observation) -> str:
    norms, steps = seen.curve.series("gradient_norm"), seen.curve.steps_of("gradient_norm")
    for at in range(max(5, len(norms) - 5), len(norms)):
        usual = median(norms[max(0, at - 20) : at])
        if usual > 0 and norms[at] > SPIKE_FACTOR * usual:
            return (
                f"the gradient norm was {norms[at]:.3g} at step {steps[at]}, {norms[at] / usual:.0f} times the usual."
            )
    return ""


def _length_runaway(seen: Observation) -> str:
    lengths = seen.curve.series("response_length")
    if len(lengths) < 10:
        return ""
    first, last = fmean(lengths[:5]), fmean(lengths[-5:])
    if first <= 0 or last <= LENGTH_FACTOR * first:
        return ""
    return f"completions grew from {first:.0f} to {last:.0f} tokens."


def _truncated(seen: Observation) -> str:
    ratios = seen.curve.series("aborted_ratio")[-5:]
    if len(ratios) < 5 or fmean(ratios) <= ABORTED_SHARE:
        return ""
    return f"{fmean(ratios):.0%} of completions were cut off before they ended."


def _reward_hacking(seen: Observation) -> str:
    truth, rewards = seen.truth, seen.curve.series("reward")
    half = len(rewards) // 2
    if len(truth) < DIVERGENCE_STEPS or half < 5:
        return ""
    gained = fmean(rewards[half:]) - fmean(rewards[:half])
    best, now = max(truth), truth[-1]
    rises = any(later > earlier for earlier, later in pairwise(truth[-DIVERGENCE_STEPS:]))
    if rises or best - now <= TRUTH_LOST_SHARE * abs(best) or gained <= 2 * _noise(rewards) / half**0.5:
        return ""
    return f"the training reward rose by {gained:.3g} while the held-out reward fell from {best:.3g} to {now:.3g}."


def _overfitting(seen: Observation) -> str:
    truth, rewards = seen.truth, seen.curve.series("reward")
    n = max(5, len(rewards) // 10)
    if len(truth) < DIVERGENCE_STEPS or len(rewards) < 3 * n or _reward_hacking(seen):
        return ""
    first, now, held_out = fmean(rewards[:n]), fmean(rewards[-n:]), fmean(truth[-2:])
    gained, followed = now - first, held_out - truth[0]
    if (
        gained <= 2 * _noise(rewards) / n**0.5
        or followed >= gained / 2
        or now - held_out < GENERALISATION_GAP * abs(now)
    ):
        return ""
    return f"training reward went from {first:.3g} to {now:.3g}, held-out reward from {truth[0]:.3g} to {held_out:.3g}."


def _grader_errors(seen: Observation) -> str:
    if not seen.n_grader_errors or seen.n_grader_errors < GRADER_ERROR_SHARE * seen.n_grader_calls:
        return ""
    return f"{seen.n_grader_errors} of {seen.n_grader_calls} calls of the grader failed."


def _job_errors(seen: Observation) -> str:
    n_errors = len(seen.curve.error_event_ids)
    return f"the job reported {n_errors} error event{'s' if n_errors > 1 else ''}." if n_errors else ""


def _stalled(seen: Observation) -> str:
    if not seen.now or not seen.curve.last_event_at:
        return ""
    silent = seen.now - seen.curve.last_event_at
    usual = seen.curve.seconds_per_step or 0.0
    if silent <= max(STALL_SECONDS, STALL_FACTOR * usual):
        return ""
    return f"the job has reported nothing for {silent / 60:.0f} minutes."


def _noise(values: Sequence[float]) -> float:
    """Standard deviation between neighbouring steps; a trend does not inflate it."""
    differences = [later - earlier for earlier, later in pairwise(values)]
    return float((fmean(d * d for d in differences) / 2) ** 0.5) if differences else 0.0


_TABLE = (
    _Rule(
        code=Code.EQUAL_REWARDS,
        severity=Severity.ERROR,
        source="GRPO",
        action="Stop the job: nothing is learned. Give partial credit, or use easier or harder prompts.",
        look=_equal_rewards,
    ),
    _Rule(
        code=Code.PLATEAU,
        severity=Severity.WARNING,
        source="docs: flat below about 0.15",
        action="The task may be too hard for the base: fine-tune with answers first, or give partial credit.",
        look=_plateau,
    ),
    _Rule(
        code=Code.REWARD_COLLAPSE,
        severity=Severity.ERROR,
        source="docs: oscillation and collapse of the mean reward",
        action="Take an earlier checkpoint, and lower the learning rate.",
        look=_reward_collapse,
    ),
    _Rule(
        code=Code.ENTROPY_COLLAPSE,
        severity=Severity.WARNING,
        source="docs: entropy crashes to zero (mode collapse)",
        action="Lower the learning rate, or reward variety; take an earlier checkpoint.",
        look=_entropy_collapse,
    ),
    _Rule(
        code=Code.GRADIENT_SPIKE,
        severity=Severity.WARNING,
        source="docs: gradient norm should be small and steady",
        action="Lower the learning rate or raise the batch size.",
        look=_gradient_spike,
    ),
    _Rule(
        code=Code.LENGTH_RUNAWAY,
        severity=Severity.WARNING,
        source="docs: response length stable or falling",
        action="Look at completions: the grader may reward length. Add a length penalty.",
        look=_length_runaway,
    ),
    _Rule(
        code=Code.TRUNCATED_COMPLETIONS,
        severity=Severity.WARNING,
        source="docs: aborted ratio near zero",
        action="Raise the limit of completion tokens.",
        look=_truncated,
    ),
    _Rule(
        code=Code.REWARD_HACKING,
        severity=Severity.ERROR,
        source="docs: held-out reward falls while the training reward rises",
        action="Take an earlier checkpoint, and look at what the grader rewards.",
        look=_reward_hacking,
    ),
    _Rule(
        code=Code.OVERFITTING,
        severity=Severity.WARNING,
        source="the held-out reward follows by less than half, and is a third behind",
        action="Take an earlier checkpoint; train for fewer epochs, or on more records.",
        look=_overfitting,
    ),
    _Rule(
        code=Code.GRADER_ERRORS,
        severity=Severity.ERROR,
        source="docs: no grader errors",
        action="Read the grader's log; mend it and train again.",
        look=_grader_errors,
    ),
    _Rule(
        code=Code.JOB_ERRORS,
        severity=Severity.WARNING,
        source="events of level error",
        action="Read the job's events.",
        look=_job_errors,
    ),
    _Rule(
        code=Code.STALLED,
        severity=Severity.WARNING,
        source="ten times the usual pause between steps, and at least 30 minutes",
        action="Look at the grader's duration and errors, then at the job in the console.",
        look=_stalled,
    ),
)

RULES: Mapping[Code, _Rule] = {rule.code: rule for rule in _TABLE}
"""Code → rule, in the order in which findings are reported."""
