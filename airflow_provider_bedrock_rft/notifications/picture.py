"""A training curve as a picture."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.job.curve import smoothed

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.job.curve import Curve

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 8.0, 3.4, 160
MIN_STEPS = 2
RAW, TREND, INK = "#93b4e8", "#1d4ed8", "#52525b"


def to_png(curve: Curve) -> bytes:
    """Reward by step, with its trend and, where the service reports them, the lowest and highest of each step.

    Raises:
        InvalidInput: There is no curve to draw yet, or nothing to draw it with.
    """
    rewards, steps = curve.series("reward"), curve.steps_of("reward")
    if len(rewards) < MIN_STEPS:
        raise InvalidInput("There is no picture of the reward: the job has reported fewer than two steps.")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InvalidInput(
            "There is no picture of the reward: matplotlib is not installed where the notifier runs.",
            action="Install airflow-provider-bedrock-rft[notifications] there.",
        ) from None
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    low, high = curve.series("reward_min"), curve.series("reward_max")
    if len(low) == len(high) == len(steps):
        axes.fill_between(steps, low, high, color=TREND, alpha=0.12, linewidth=0, label="lowest to highest")
    axes.plot(steps, rewards, color=RAW, linewidth=1, label="reward")
    window = max(5, len(rewards) // 15)
    means = smoothed(rewards, window)
    if means:
        axes.plot(steps[window - 1 :], means, color=TREND, linewidth=2, label=f"mean of {window} steps")
    axes.set_xlabel("training step", color=INK)
    axes.set_ylabel("reward", color=INK)
    axes.tick_params(colors=INK)
    axes.grid(axis="y", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right", labelcolor=INK)
    target = BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()
