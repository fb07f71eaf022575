"""``bedrock-rft diff``: see :mod:`.lineage`."""

from __future__ import annotations

from airflow_provider_bedrock_rft.cli.lineage import configure_diff as configure

__all__ = ["configure"]
