"""How a task's job is watched, from the rendered fields of its operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.job.alarm import AlarmPolicy, Budget
from airflow_provider_bedrock_rft.core.job.oversight import Oversight
from airflow_provider_bedrock_rft.core.lineage.manifest import folder_of
from airflow_provider_bedrock_rft.hooks.inputs import amount_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def price_of(prices: object, model: str) -> float | None:
    """What an hour of the model's training costs, by the user's price list; ``None`` where the list does not say.

    Raises:
        InvalidInput: The list is no mapping, or its price is no positive number.
    """
    if not isinstance(prices or {}, dict):
        raise InvalidInput(
            "prices is not a mapping of models to prices per hour.",
            action="Give a dict, or set render_template_as_native_obj=True on the DAG.",
        )
    listed = (prices or {}).get(model) if isinstance(prices, dict) else None
    return amount_of(listed, f"prices[{model!r}]", "currency units per hour")


def budget_of(hours: object, cost: object, price_per_hour: float | None, model: str) -> Budget:
    """What a job may use up.

    Raises:
        InvalidInput: A limit is no positive number; or there is a limit on the cost, and no price.
    """
    max_cost = amount_of(cost, "budget_cost", "currency units")
    if max_cost is not None and price_per_hour is None:
        raise InvalidInput(
            f"budget_cost is given, and prices has no price for {model!r}.",
            action=f"Give prices={{{model!r}: <price per hour of training>}}, in the currency of budget_cost.",
        )
    max_hours = amount_of(hours, "budget_hours", "hours")
    return Budget(max_hours=max_hours, max_cost=max_cost, cost_per_hour=price_per_hour)


def oversight_of(
    alarms: Mapping[str, object] | None,
    budget: Budget,
    artifacts_uri: object,
    *,
    is_watched: bool,
    run: tuple[str, str],
) -> Oversight:
    """What an operator was asked to watch for, in a ``run`` of pipeline and run id.

    Raises:
        InvalidInput: A rule or an action is none; or nobody would be there to watch.
    """
    if (alarms or budget.ends_at(0.0) is not None) and not is_watched:
        raise InvalidInput(
            "alarms and budgets need somebody who watches the job.", action="Leave wait_for_completion on."
        )
    if not isinstance(alarms or {}, dict):
        raise InvalidInput(
            "alarms is not a mapping of rules to actions.",
            action="Give a dict, or set render_template_as_native_obj=True on the DAG.",
        )
    place, (pipeline, run_id) = str(artifacts_uri or "").rstrip("/"), run
    lineage = f"{place}/lineage/{pipeline}/{folder_of(run_id)}" if place else ""
    return Oversight(alarms=AlarmPolicy.parse(alarms or {}), budget=budget, artifacts_uri=place, lineage_uri=lineage)
