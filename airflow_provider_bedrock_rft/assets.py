"""Assets of a recurring pipeline: its dataset, its training job and its champion model.

Their URIs are ``bedrock-rft://<pipeline>/<kind>``: the same name run after run, while ids, ARNs and fingerprints
travel in the events' ``extra``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Asset, Context
    from pydantic import JsonValue

SCHEME = "bedrock-rft"
KINDS = ("dataset", "job", "model")
PIPELINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def dataset_asset(pipeline: str) -> Asset:
    """The dataset of ``pipeline``; updated when another one has been uploaded."""
    return rft_asset(pipeline=pipeline, kind="dataset")


def job_asset(pipeline: str) -> Asset:
    """The training job of ``pipeline``; updated when one has made a model."""
    return rft_asset(pipeline=pipeline, kind="job")


def model_asset(pipeline: str) -> Asset:
    """The champion model of ``pipeline``; updated on promotion and rollback, and on nothing else."""
    return rft_asset(pipeline=pipeline, kind="model")


def rft_asset(*, pipeline: str, kind: str) -> Asset:
    """The asset of one ``kind``; registered with Airflow as the factory of the scheme.

    Raises:
        ValueError: ``kind`` or the pipeline's name is not of the form above.
    """
    from airflow.providers.common.compat.sdk import Asset

    uri = check_uri(urlsplit(f"{SCHEME}://{pipeline}/{kind}")).geturl()
    return Asset(name=f"{pipeline} {kind}", uri=uri, group=SCHEME)


def check_uri(uri: SplitResult) -> SplitResult:
    """``uri``, if it is one of ours; registered with Airflow as the handler of the scheme.

    Raises:
        ValueError: The URI is not ``bedrock-rft://<pipeline>/<kind>``.
    """
    kind = uri.path.strip("/")
    if not PIPELINE.fullmatch(uri.netloc) or kind not in KINDS or uri.query or uri.fragment:
        raise ValueError(f"{uri.geturl()!r} is not {SCHEME}://<pipeline>/<kind> with a kind of {', '.join(KINDS)}.")
    return uri._replace(path=f"/{kind}")


def describe_event(context: Context, extra: Mapping[str, JsonValue]) -> None:
    """Attach ``extra`` to the events of those outlets of the running task that are assets of ours."""
    for outlet in context["task"].outlets:
        if getattr(outlet, "uri", "").startswith(f"{SCHEME}://"):
            context["outlet_events"][outlet].extra = dict(extra)
