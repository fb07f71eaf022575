"""How a task's job is watched, from the rendered fields of its operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.job.alarm import AlarmPolicy, Budget
from airflow_provider_bedrock_rft.core.job.oversight import Oversight
from airflow_provider_bedrock_rft.hooks.inputs import hours_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def oversight_of(
    alarms: Mapping[str, object] | None, budget_hours: object, artifacts_uri: object, *, is_watched: bool
) -> Oversight:
    """What an operator was asked to watch for.

    Raises:
        InvalidInput: A rule, an action or the budget is none; or nobody would be there to watch.
    """
    if (alarms or budget_hours) and not is_watched:
        raise InvalidInput(
            "alarms and budget_hours need somebody who watches the job.", action="Leave wait_for_completion on."
        )
    if not isinstance(alarms or {}, dict):
        raise InvalidInput(
            "alarms is not a mapping of rules to actions.",
            action="Give a dict, or set render_template_as_native_obj=True on the DAG.",
        )
    return Oversight(
        alarms=AlarmPolicy.parse(alarms or {}),
        budget=Budget(max_hours=hours_of(budget_hours, "budget_hours")),
        artifacts_uri=str(artifacts_uri or ""),
    )
