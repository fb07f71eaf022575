"""What a submission would send, and what the job would do: told before anything is spent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_bedrock_rft.core.job.forecast import Forecast, Range


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRequest:
    """One request, under the service's names."""

    operation: str
    parameters: Mapping[str, object]


def plan_lines(requests: Sequence[PlannedRequest], forecast: Forecast | None) -> Iterator[str]:
    """The plan as lines of a log."""
    for request in requests:
        body = json.dumps(json.loads(canonical_json(request.parameters)), indent=2)
        yield f"Would send {request.operation}:\n{body}"
    if forecast is None:
        yield "No forecast: the number of records is not known (give the output of the task that uploads the dataset)."
        return
    yield (
        f"Forecast: at most {forecast.n_steps} steps, {forecast.n_completions} completions in "
        f"{forecast.n_grader_calls} calls of the grader."
    )
    if forecast.n_steps == 0:
        yield "Forecast: the dataset is smaller than one batch; nothing would be trained."
    if forecast.max_completion_tokens:
        yield f"Forecast: at most {forecast.max_completion_tokens:,} completion tokens."
    yield from _ranges(forecast)


def _ranges(forecast: Forecast) -> Iterator[str]:
    if forecast.seconds:
        yield f"Forecast: {_hours(forecast.seconds)}."
    elif forecast.n_steps:
        yield "Forecast: no time and no cost; at least two earlier jobs of this model below artifacts_uri tell them."
    if forecast.cost:
        low, mean, high = forecast.cost.low, forecast.cost.expected, forecast.cost.high
        yield f"Forecast: cost {mean:.2f} ({low:.2f} to {high:.2f}), by the price list."


def _hours(seconds: Range) -> str:
    low, mean, high = (value / 3600 for value in (seconds.low, seconds.expected, seconds.high))
    return f"{mean:.1f} h ({low:.1f} to {high:.1f} h, from {seconds.n_runs} earlier runs)"
