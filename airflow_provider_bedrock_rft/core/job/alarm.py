"""What follows from a finding, and from a budget that is used up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.errors import BudgetExceeded, InvalidInput
from airflow_provider_bedrock_rft.core.job.diagnosis import Code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.job.diagnosis import JobFinding


class Action(str, Enum):
    """What to do about a finding, from mild to harsh."""

    IGNORE = "ignore"
    LOG = "log"
    FAIL = "fail"
    STOP = "stop"


_HARSHNESS = {action: rank for rank, action in enumerate(Action)}


def _action_of(rule: str, word: object) -> Action:
    try:
        return Action(str(getattr(word, "value", word)))
    except ValueError:
        words = " or ".join(action.value for action in Action)
        raise InvalidInput(f"alarms[{rule!r}] is {word!r}; it must be {words}.") from None


@payload("rft.alarm_policy")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmPolicy:
    """Action per rule; rules that are not named get ``default``. ``fail`` leaves the job running, ``stop`` does not."""

    default: Action = Action.LOG
    actions: Mapping[str, Action] = field(default_factory=dict)

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> AlarmPolicy:
        """Rule → action, both by their words; ``default`` stands for the rules that are not named.

        Raises:
            InvalidInput: A rule or an action does not exist.
        """
        rules = [code.value for code in Code]
        if unknown := sorted(set(given) - {*rules, "default"}):
            raise InvalidInput(
                f"alarms names no rule of ours: {', '.join(unknown)}.",
                action=f"Rules are {', '.join(rules)}; or default.",
            )
        actions = {rule: _action_of(rule, action) for rule, action in given.items()}
        return cls(default=actions.pop("default", Action.LOG), actions=actions)

    def action_for(self, finding: JobFinding) -> Action:
        """What to do about this finding."""
        return self.actions.get(finding.code.value, self.default)

    def harshest(self, findings: Sequence[JobFinding]) -> tuple[Action, tuple[JobFinding, ...]]:
        """The harshest action that any finding asks for, and the findings that ask for it."""
        actions = [self.action_for(finding) for finding in findings]
        harshest = max(actions, key=_HARSHNESS.__getitem__, default=Action.IGNORE)
        return harshest, tuple(f for f, action in zip(findings, actions, strict=True) if action is harshest)


@payload("rft.budget")
@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A limit that the user imposes; ``None`` is no limit.

    Attributes:
        max_hours: Hours a job may run.
        max_cost: Cost of a job, in the currency of the user's price list.
        cost_per_hour: From the same list; needed for ``max_cost``.
    """

    max_hours: float | None = None
    max_cost: float | None = None
    cost_per_hour: float | None = None

    def ends_at(self, created_at: float) -> float | None:
        """When a job that was created at that time has used the budget up, epoch seconds."""
        by_cost = self.max_cost / self.cost_per_hour if self.max_cost is not None and self.cost_per_hour else None
        hours = [limit for limit in (self.max_hours, by_cost) if limit is not None]
        return created_at + min(hours) * 3600.0 if hours else None

    def check(self, job_id: str, *, created_at: float, now: float) -> None:
        """Return while there is budget left.

        Raises:
            BudgetExceeded: The job has run for as long as it may.
        """
        ends_at = self.ends_at(created_at)
        if ends_at is None or now < ends_at:
            return
        hours = (now - created_at) / 3600
        cost = f" and costs about {hours * self.cost_per_hour:.2f}" if self.cost_per_hour else ""
        raise BudgetExceeded(
            f"Job {job_id} has run for {hours:.1f} h{cost}, which uses its budget up.",
            action="Raise the budget, or take its latest checkpoint.",
            job_id=job_id,
        )
