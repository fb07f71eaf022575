"""What the demo's run came to: the numbers, the decision, and whether the demo did what it promises."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.cli.demo_progress import metrics_of_newest_job, sparkline
from airflow_provider_bedrock_rft.cli.laptop import emulator_session
from airflow_provider_bedrock_rft.core.codec import load
from airflow_provider_bedrock_rft.core.errors import ResourceNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.cli.demo_progress import Progress
    from airflow_provider_bedrock_rft.cli.stack import Stack
    from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate
    from airflow_provider_bedrock_rft.core.job.job import JobEvent
    from airflow_provider_bedrock_rft.hooks.gate import GateResult

STRETCH = 0.2
"""Share of the steps at either end whose mean reward is compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The rewards of a job's steps.

    Attributes:
        rewards: Mean reward per step, in order.
    """

    rewards: tuple[float, ...]

    @classmethod
    def of(cls, steps: Sequence[JobEvent]) -> Curve:
        """The curve in a job's metric events."""
        return cls(rewards=tuple(step.metrics["critic_rewards_mean"] for step in steps))

    @property
    def has_risen(self) -> bool:
        """True when the last fifth of the steps earned more than the first fifth."""
        n = max(1, int(len(self.rewards) * STRETCH))
        return bool(self.rewards) and fmean(self.rewards[-n:]) > fmean(self.rewards[:n])


def report(stack: Stack, dag_run: tuple[str, str], state: str, progress: Progress, *, is_default: bool) -> int:
    """Print what happened; 0 when the run succeeded and, with our own data, the model learnt and was promoted."""
    if state != "success":
        _print_failures(stack, dag_run, state)
        return 1
    curve = Curve.of(metrics_of_newest_job(stack))
    gate = _gate_of(stack, dag_run)
    _print_training(stack, curve)
    _print_decision(gate)
    _print_components(stack, dag_run)
    _print_places(stack, progress)
    problems = shortcomings(curve, gate, n_jobs=_n_jobs(stack)) if is_default else []
    for problem in problems:
        print(f"\nThis demo did not do what it promises: {problem}")
    return 1 if problems else 0


def shortcomings(curve: Curve, gate: GateResult, *, n_jobs: int) -> list[str]:
    """What the default demo promises and this run did not keep."""
    beats_base = gate.difference is not None and gate.difference.low > 0
    kept = {
        f"{n_jobs} jobs were created instead of one.": n_jobs == 1,
        "rewards did not rise.": curve.has_risen,
        "the tuned model does not beat the base with confidence.": beats_base,
        f"the model was not promoted ({gate.summary}).": gate.verdict == "promote",
    }
    return [problem for problem, is_kept in kept.items() if not is_kept]


def _gate_of(stack: Stack, dag_run: tuple[str, str]) -> GateResult:
    from airflow_provider_bedrock_rft.hooks.gate import GateResult

    return load(GateResult, stack.api.xcom(*dag_run, "promotion_gate"))


def _n_jobs(stack: Stack) -> int:
    return len(list(emulator_session(stack).training.list_jobs(created_after=0.0)))


def _print_training(stack: Stack, curve: Curve) -> None:
    training = emulator_session(stack).training
    job = next(iter(training.list_jobs(created_after=0.0)))
    checkpoints = sorted(training.list_checkpoints(job.job_id), key=lambda checkpoint: checkpoint.step)
    print(f"\nTraining      job {job.job_id} on {job.model}: {job.status}")
    if curve.rewards:
        print(f"Reward        {curve.rewards[0]:.3f} at the first step, {curve.rewards[-1]:.3f} at the last", end="")
        print(f"   {sparkline(curve.rewards)}")
    print(f"Checkpoints   steps {', '.join(str(checkpoint.step) for checkpoint in checkpoints)}")


def _print_decision(gate: GateResult) -> None:
    print(f"Held out      {gate.n_samples} prompts that training never saw")
    for name, side in (("base", gate.baseline), ("tuned", gate.candidate)):
        print(f"  {name:<12}{_interval(side) if side else 'too few samples'}")
    if gate.difference:
        print(f"  {'difference':<12}{_interval(gate.difference)}   p = {gate.p_value:.2g} ({gate.test})")
    print(f"Decision      {gate.verdict.upper()}")
    for reason in gate.reasons:
        print(f"  {reason}")
    print("What the grader saw")


def _print_components(stack: Stack, dag_run: tuple[str, str]) -> None:
    """What the reward is made of, each with its own paired interval: a format learnt is not arithmetic learnt."""
    from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
    from airflow_provider_bedrock_rft.core.steps.evaluation import compare_runs, metrics_of

    objects = emulator_session(stack).objects
    base, tuned = (load(EvaluationRun, stack.api.xcom(*dag_run, task)) for task in ("evaluate_base", "evaluate_tuned"))
    for metric in metrics_of(objects, (base, tuned)):
        found = compare_runs(objects, base, tuned, metric=metric)
        if found.baseline and found.candidate and found.difference:
            learnt = "learnt" if found.difference.low > 0 else "not learnt with confidence"
            change = f"{found.baseline.value:.3f} -> {found.candidate.value:.3f}"
            print(f"  {metric:<12}{change}   difference {_interval(found.difference)}   {learnt}")


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:6.3f}   {estimate.confidence:.0%} interval [{estimate.low:.3f}, {estimate.high:.3f}]"


def _print_places(stack: Stack, progress: Progress) -> None:
    print(f"Time          {progress.seconds:.0f} s in all")
    print("\nThe model is the emulator's local-sim: its numbers show that the pipeline works, and nothing about AWS.")
    print(f"Everything is in {stack.home}. See this run in the Airflow UI: make up ARGS='--home {stack.home}'")


def _print_failures(stack: Stack, dag_run: tuple[str, str], state: str) -> None:
    print(f"\nThe run ended as: {state}")
    for task in stack.api.task_states(*dag_run):
        if task.state == "failed":
            print(f"\n{task.task_id} failed after {task.try_number} tries:")
            for line in _errors_of(stack, dag_run, task.task_id, task.try_number):
                print(f"  {line}")
    print(f"\nLogs are in {stack.home / 'airflow' / 'logs'}.")


def _errors_of(stack: Stack, dag_run: tuple[str, str], task_id: str, try_number: int) -> list[str]:
    try:
        return stack.api.errors(*dag_run, task_id, try_number=try_number)[-3:]
    except ResourceNotFound:
        return ["(no log)"]
