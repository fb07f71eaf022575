"""The page as plain HTML made by the server: for Airflow 3.1, whose own page offers no styles to build on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from airflow_provider_bedrock_rft.core.clock import to_utc
from airflow_provider_bedrock_rft.plugin.views.curve import CurveView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_bedrock_rft.plugin.pages import Pages, Trouble
    from airflow_provider_bedrock_rft.plugin.views.curve import Series

WIDTH, HEIGHT = 800, 180
LIMIT = 50
RELOAD_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A series as the points of an SVG polyline, and the values at its edges."""

    label: str
    points: str
    low: float
    high: float
    last: float


def overview_html(pages: Pages, readable: frozenset[str], *, search: str, offset: int) -> str:
    """The pipelines that the reader may see."""
    page = pages.overview(readable, offset=offset, limit=LIMIT, search=search, state="", sort="recent")
    return _render("overview", page=page, search=search, root="frame/")


def pipeline_html(pages: Pages, dag_id: str, *, offset: int) -> str | None:
    """A pipeline's runs."""
    line = pages.pipeline(dag_id, offset=offset, limit=LIMIT)
    return _render("pipeline", line=line, offset=offset, limit=LIMIT, root="") if line else None


def run_html(
    pages: Pages, dag_id: str, run_id: str, may_answer: Callable[[frozenset[str]], bool] = lambda _assigned: False
) -> str | None:
    """A run with its stages, curves and decision, and the questions that the reader may answer."""
    run_id = _known(pages, dag_id, run_id)
    view, comparison = pages.run(dag_id, run_id), pages.comparison(dag_id, run_id)
    if view is None or comparison is None:
        return None
    found = [pages.curve(dag_id, run_id, job.task_id, job.job_id, max_points=WIDTH // 2) for job in view.jobs]
    curves = [(curve, drawings(curve.series)) for curve in found if isinstance(curve, CurveView)]
    troubles: list[Trouble] = [curve for curve in found if curve is not None and not isinstance(curve, CurveView)]
    questions = [one for one in pages.questions(dag_id, run_id, may_answer) or () if one.options]
    reload_seconds = RELOAD_SECONDS if view.is_live else 0
    parts = {"comparison": comparison, "curves": curves, "troubles": troubles, "questions": questions}
    return _render("run", view=view, **parts, root="", reload=reload_seconds)


def _known(pages: Pages, dag_id: str, run_id: str) -> str:
    """Airflow 3.1 puts run ids into addresses as they are, where ``+`` means a space."""
    plus = run_id.replace(" ", "+")
    return plus if plus != run_id and pages.run(dag_id, run_id) is None else run_id


def drawings(series: Sequence[Series]) -> list[Drawing]:
    """The series that have two points or more; the trend's edges are no curves of their own."""
    return [_draw(one) for one in series if len(one.points) > 1 and one.name not in {"reward_low", "reward_high"}]


def _draw(series: Series) -> Drawing:
    steps, values = zip(*series.points, strict=True)
    low, high = min(values), max(values)
    reach, room = (steps[-1] - steps[0]) or 1, (high - low) or 1.0
    points = " ".join(
        f"{(step - steps[0]) / reach * WIDTH:.1f},{HEIGHT - (value - low) / room * HEIGHT:.1f}"
        for step, value in series.points
    )
    return Drawing(label=series.label, points=points, low=low, high=high, last=values[-1])


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "frames"), autoescape=True, undefined=StrictUndefined
    )
    templates.filters["quoted"] = lambda text: quote(text, safe="")
    templates.filters["when"] = lambda at: f"{to_utc(at):%Y-%m-%d %H:%M} UTC" if at else "-"
    templates.filters["took"] = lambda seconds: "-" if seconds is None else str(timedelta(seconds=round(seconds)))
    templates.filters["number"] = lambda value: "-" if value is None else f"{value:.4g}"
    return templates


def _render(name: str, **fields: object) -> str:
    return _templates().get_template(f"{name}.html.j2").render(width=WIDTH, height=HEIGHT, **{"reload": 0, **fields})
