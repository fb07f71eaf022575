"""The operator that all of ours are."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_bedrock_rft.hooks.connected import ConnectedTask


class BedrockRftOperator(ConnectedTask, BaseOperator):
    """A step of the pipeline: a declaration, and one call in ``execute``.

    Args:
        aws_conn_id: Airflow connection of type ``aws``; ``None`` uses the worker's own credentials.
        region_name: Overrides the connection's region.
        kwargs: What every Airflow operator takes.
    """

    ui_color = "#e7ecff"

    def __init__(
        self, *, aws_conn_id: str | None = "aws_default", region_name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
