"""What Airflow loads in each of its processes: names and addresses, and nothing that costs more than a millisecond."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import AirflowPlugin, conf

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Scope]]
    Send = Callable[[Scope], Awaitable[None]]

PREFIX = "/bedrock-rft"
NAME = "Bedrock RFT"
"""One name for all places: Airflow keeps the loaded component under it."""
ROUTES = {
    "nav": "bedrock-rft",
    "dag": "bedrock-rft-pipeline",
    "dag_run": "bedrock-rft-run",
    "task_instance": "bedrock-rft-task",
}
"""Where the page appears → its part of the address."""
FRAMES = {
    "nav": "",
    "dag": "/{DAG_ID}",
    "dag_run": "/{DAG_ID}?run_id={RUN_ID}",
    "task_instance": "/{DAG_ID}?run_id={RUN_ID}",
}
"""Where the page appears → what its frame shows; Airflow fills the names in."""
HAS_HOST_STYLES = tuple(int(part) for part in airflow_version.split(".")[:2]) >= (3, 2)


class LazyApp:
    """An ASGI application that is built by its first request: FastAPI is for the API server alone."""

    def __init__(self) -> None:
        self._app: Callable[[Scope, Receive, Send], Awaitable[None]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self._app is None:
            from airflow_provider_bedrock_rft.plugin.app import build_app

            self._app = build_app()
        await self._app(scope, receive, send)


def react_apps(base_path: str) -> list[dict[str, object]]:
    """The page as a component of Airflow's own page, for Airflow 3.2 and later."""
    bundle = f"{base_path.rstrip('/')}{PREFIX}/page/rft.js"
    return [{**_entry(place), "bundle_url": bundle} for place in ROUTES]


def external_views() -> list[dict[str, object]]:
    """The page in a frame, for Airflow 3.1; its address is relative, so that it survives a sub-path."""
    return [{**_entry(place), "href": f"{PREFIX.lstrip('/')}/frame{FRAMES[place]}"} for place in ROUTES]


def _entry(place: str) -> dict[str, object]:
    entry: dict[str, object] = {"name": NAME, "destination": place, "url_route": ROUTES[place]}
    return {**entry, "category": "browse"} if place == "nav" else entry


class BedrockRftPlugin(AirflowPlugin):
    """The RFT page: an entry of the navigation, and tabs of DAGs, runs and task instances."""

    name = "bedrock_rft"
    fastapi_apps: list[dict[str, object]] = [{"app": LazyApp(), "url_prefix": PREFIX, "name": NAME}]
    react_apps: list[dict[str, object]] = (
        react_apps(urlsplit(conf.get("api", "base_url", fallback="/")).path) if HAS_HOST_STYLES else []
    )
    external_views: list[dict[str, object]] = [] if HAS_HOST_STYLES else external_views()
