# Dependencies are resolved from annotations: with postponed ones FastAPI would take the user for a query parameter.
"""The read-only API behind the page. Every route but those of the page's own files asks Airflow for permission."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
from airflow.providers.common.compat.sdk import conf
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from airflow_provider_bedrock_rft.hooks.shared import CLOCK
from airflow_provider_bedrock_rft.plugin.authority import MAY_READ, MAY_READ_QUESTIONS, readable_dags, right_to_answer
from airflow_provider_bedrock_rft.plugin.cache import Cache
from airflow_provider_bedrock_rft.plugin.frame import overview_html, pipeline_html, run_html
from airflow_provider_bedrock_rft.plugin.metadata import AirflowMetadata
from airflow_provider_bedrock_rft.plugin.pages import Pages
from airflow_provider_bedrock_rft.plugin.remote import Remote
from airflow_provider_bedrock_rft.plugin.views.pulse import Price

PAGE = Path(__file__).parent / "page"
MAX_PAGE = 200

Readable = Annotated[frozenset[str], Depends(readable_dags)]
MayAnswer = Annotated[Callable[[frozenset[str]], bool], Depends(right_to_answer)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Text = Annotated[str, Query(max_length=250)]
Points = Annotated[int, Query(ge=10, le=5_000)]
State = Annotated[str, Query(pattern="^(|queued|running|success|failed|none)$")]
Sort = Annotated[str, Query(pattern="^(recent|name)$")]
Step = Annotated[int, Query(ge=0, le=10_000_000)]
MapIndex = Annotated[int, Query(ge=-1, le=1_000_000)]
Order = Annotated[str, Query(pattern="^(worst|best|file)$")]
Outcome = Annotated[str, Query(pattern="^(all|losses|wins|ties)$")]


def build_app(pages: Pages | None = None) -> FastAPI:
    """The application; tests bring their own services."""
    if pages is None:
        remote = Remote(Cache(CLOCK), Cache(CLOCK, max_entries=6, n_workers=2))
        pages = Pages(AirflowMetadata(), remote, CLOCK, configured_price)
    app = FastAPI(title="Bedrock RFT", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(_lists(pages))
    app.include_router(_run_views(pages))
    app.include_router(_comparison_views(pages))
    app.include_router(_frames(pages))
    app.mount("/page", _PageFiles(directory=PAGE), name="page")
    return app


def configured_price() -> Price:
    """The price list in Airflow's settings; one that cannot be read is none, for the page has to stay up."""
    said = conf.get("bedrock_rft", "training_cost_per_hour", fallback="")
    try:
        per_hour = float(said) if said else None
    except ValueError:
        per_hour = None
    return Price(per_hour=per_hour, currency=conf.get("bedrock_rft", "currency", fallback="USD"))


class _PageFiles(StaticFiles):
    """The page's own files: the same for everybody. Their address has no version, so browsers have to ask."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """Serve one."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def _lists(pages: Pages) -> APIRouter:
    router = APIRouter(prefix="/api", dependencies=MAY_READ)

    @router.get("/pipelines")
    def pipelines(
        readable: Readable,
        offset: Offset = 0,
        limit: Limit = 25,
        search: Text = "",
        state: State = "",
        sort: Sort = "recent",
    ) -> Response:
        asked = {"search": search, "state": state, "sort": sort}
        return _json(pages.overview(readable, offset=offset, limit=limit, **asked))

    @router.get("/dags/{dag_id}/runs")
    def runs(dag_id: str, offset: Offset = 0, limit: Limit = 25) -> Response:
        return _json(pages.pipeline(dag_id, offset=offset, limit=limit))

    @router.get("/dags/{dag_id}/pulse")
    def pulse(dag_id: str) -> Response:
        return _json(pages.pulse(dag_id))

    return router


def _run_views(pages: Pages) -> APIRouter:
    router = APIRouter(prefix="/api/dags/{dag_id}", dependencies=MAY_READ)

    @router.get("/run")
    def run(dag_id: str, run_id: Text) -> Response:
        return _json(pages.run(dag_id, run_id))

    @router.get("/curve")
    def curve(
        dag_id: str,
        run_id: Text,
        task_id: Text,
        job_id: Text = "",
        points: Points = 600,
        first: Step = 0,
        last: Step = 0,
    ) -> Response:
        steps = (first, last) if last else None
        return _json(pages.curve(dag_id, run_id, task_id, job_id, max_points=points, steps=steps))

    @router.get("/answers")
    def answers(
        dag_id: str,
        run_id: Text,
        task_id: Text,
        map_index: MapIndex = -1,
        order: Order = "worst",
        search: Text = "",
        offset: Offset = 0,
        limit: Limit = 5,
    ) -> Response:
        asked = {"order": order, "search": search}
        return _json(pages.answers(dag_id, run_id, task_id, map_index, offset=offset, limit=limit, **asked))

    @router.get("/evaluators")
    def evaluators(dag_id: str, run_id: Text, readable: Readable) -> Response:
        return _json(pages.evaluators(dag_id, run_id, readable))

    @router.get("/lineage")
    def lineage(dag_id: str, run_id: Text) -> Response:
        return _json(pages.lineage(dag_id, run_id))

    return router


def _comparison_views(pages: Pages) -> APIRouter:
    router = APIRouter(prefix="/api/dags/{dag_id}", dependencies=MAY_READ)

    @router.get("/comparison")
    def comparison(dag_id: str, run_id: Text) -> Response:
        return _json(pages.comparison(dag_id, run_id))

    @router.get("/questions", dependencies=MAY_READ_QUESTIONS)
    def questions(dag_id: str, run_id: Text, may_answer: MayAnswer) -> Response:
        return _json(pages.questions(dag_id, run_id, may_answer))

    @router.get("/details")
    def details(dag_id: str, run_id: Text) -> Response:
        return _json(pages.details(dag_id, run_id))

    @router.get("/samples")
    def samples(
        dag_id: str, run_id: Text, outcome: Outcome = "all", search: Text = "", offset: Offset = 0, limit: Limit = 10
    ) -> Response:
        return _json(pages.samples(dag_id, run_id, outcome=outcome, search=search, offset=offset, limit=limit))

    return router


def _frames(pages: Pages) -> APIRouter:
    router = APIRouter(prefix="/frame", dependencies=MAY_READ)

    @router.get("")
    def overview(readable: Readable, search: Text = "", offset: Offset = 0) -> Response:
        return _html(overview_html(pages, readable, search=search, offset=offset))

    @router.get("/{dag_id}")
    def pipeline_or_run(dag_id: str, may_answer: MayAnswer, run_id: Text = "", offset: Offset = 0) -> Response:
        if run_id:
            return _html(run_html(pages, dag_id, run_id, may_answer))
        return _html(pipeline_html(pages, dag_id, offset=offset))

    return router


def _html(text: str | None) -> Response:
    if text is None:
        text, status = "<p>This is not there: the run was deleted, or the DAG has no RFT tasks.</p>", 404
    else:
        status = 200
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store", "Referrer-Policy": "same-origin"})


def _json(view: object) -> Response:
    if view is None:
        raise HTTPException(404, "There is no such run, or it was deleted.")
    body = msgspec.json.encode(view)
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})
