"""All pipelines at a glance, and one pipeline's runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.plugin.facts import Output, Pipeline, Run

SORTS = ("recent", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run in a list.

    Attributes:
        run_id: Which.
        state: Airflow's word.
        run_after: When it was due.
        seconds: How long it took, ``None`` until it has ended.
        verdict: Of its gate, empty without one.
        summary: Of its gate, empty without one.
        score: Mean score of the candidate, ``None`` without one.
        baseline: Mean score of what it was compared with.
        difference: Candidate minus baseline.
        promoted: The model that became champion, empty for none.
    """

    run_id: str
    state: str
    run_after: float
    seconds: float | None
    verdict: str = ""
    summary: str = ""
    score: float | None = None
    baseline: float | None = None
    difference: float | None = None
    promoted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """Who serves, as the pipeline's newest promotion has said."""

    model: str
    number: int
    at: float
    actor: str = ""
    action: str = "promote"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineLine:
    """A pipeline in the overview; ``runs`` are its last ones, newest first."""

    dag_id: str
    is_paused: bool
    n_runs: int
    champion: Champion | None
    runs: Sequence[RunLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a longer list."""

    items: Sequence[object]
    total: int
    offset: int
    limit: int


def chosen(
    pipelines: Sequence[Pipeline],
    latest: Mapping[str, Run],
    *,
    readable: frozenset[str],
    search: str = "",
    state: str = "",
    sort: str = "recent",
) -> list[Pipeline]:
    """The pipelines that the reader may see and asks for, in order; nothing tells of the others."""
    words = search.lower().split()
    found = [
        one
        for one in pipelines
        if one.dag_id in readable
        and all(word in one.dag_id.lower() for word in words)
        and (not state or _state(latest.get(one.dag_id)) == state)
    ]
    if sort == "recent":
        found.sort(key=lambda one: -(latest[one.dag_id].run_after if one.dag_id in latest else 0.0))
    return found


def run_lines(runs: Sequence[Run], outputs: Sequence[Output]) -> tuple[RunLine, ...]:
    """Runs with what their gates and promotions have said."""
    by_run: dict[int, list[Output]] = {}
    for output in outputs:
        by_run.setdefault(output.run_number, []).append(output)
    return tuple(_line(run, by_run.get(run.number, [])) for run in runs)


def champion_in(output: Output | None) -> Champion | None:
    """The champion that a payload names."""
    if output is None or output.kind != "rft.champion":
        return None
    fields = _mapping(output.value)
    model, number, at = fields.get("model"), fields.get("number"), fields.get("at")
    if not isinstance(model, str) or not isinstance(number, int):
        return None
    return Champion(
        model=model,
        number=number,
        at=float(at) if isinstance(at, int | float) else output.at,
        actor=str(fields.get("actor", "")),
        action=str(fields.get("action", "promote")),
        reason=str(fields.get("reason", "")),
    )


def _line(run: Run, outputs: Sequence[Output]) -> RunLine:
    gate = next((_mapping(one.value) for one in outputs if one.kind == "rft.gate"), {})
    champion = next((found for one in outputs if (found := champion_in(one))), None)
    return RunLine(
        run_id=run.run_id,
        state=run.state,
        run_after=run.run_after,
        seconds=run.ended_at - run.started_at if run.ended_at and run.started_at else None,
        verdict=str(gate.get("verdict", "")),
        summary=str(gate.get("summary", "")),
        score=_value(gate.get("candidate")),
        baseline=_value(gate.get("baseline")),
        difference=_value(gate.get("difference")),
        promoted=champion.model if champion and champion.action == "promote" else "",
    )


def _state(run: Run | None) -> str:
    return run.state if run else "none"


def _value(estimate: object) -> float | None:
    value = _mapping(estimate).get("value")
    return float(value) if isinstance(value, int | float) else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
