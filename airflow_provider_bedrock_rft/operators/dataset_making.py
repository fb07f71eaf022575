"""Make a dataset of invocation logs, and describe one."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.inputs import is_true, text_of, whole_number
from airflow_provider_bedrock_rft.hooks.payloads import to_xcom
from airflow_provider_bedrock_rft.operators.dataset_reading import READING_FIELDS, ReadingOperator
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.hooks.inputs import Given, Text

    Metadata: TypeAlias = Mapping[str, str | Sequence[str]] | None


class BedrockRftImportInvocationLogsOperator(BedrockRftOperator):
    """Make a dataset of Bedrock's model invocation logs: what was asked in production becomes what is trained on.

    The dataset is stored below ``artifacts_uri`` under a name that follows from its content. Returns the payload
    ``rft.dataset_file``; the dataset's URI is also pushed under the key ``dataset``.

    Args:
        logs: ``s3://…/`` prefix, object or local file, or a list of them.
        artifacts_uri: ``s3://bucket/prefix`` to store the dataset below.
        metadata: Request metadata (key → value, or list of values) that must all be so.
        not_metadata: Request metadata that must not be so.
        any_metadata: Request metadata of which one must be so.
        models: Parts of model ids, one of which must occur.
        since: Earliest time, ISO 8601.
        until: Latest time, not included, ISO 8601.
        keep_completion: Make the logged completion the reference; right only where it was.
        kwargs: As for every operator of this package.
    """

    template_fields = (
        "logs",
        "artifacts_uri",
        "metadata",
        "not_metadata",
        "any_metadata",
        "models",
        "since",
        "until",
        "keep_completion",
        *CONNECTION_FIELDS,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "metadata": "json",
        "not_metadata": "json",
        "any_metadata": "json",
    }

    def __init__(
        self,
        *,
        logs: Text | Sequence[Text],
        artifacts_uri: Text,
        metadata: Metadata = None,
        not_metadata: Metadata = None,
        any_metadata: Metadata = None,
        models: Sequence[str] = (),
        since: str | None = None,
        until: str | None = None,
        keep_completion: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.logs = logs
        self.artifacts_uri = artifacts_uri
        self.metadata = metadata
        self.not_metadata = not_metadata
        self.any_metadata = any_metadata
        self.models = models
        self.since = since
        self.until = until
        self.keep_completion = keep_completion

    def execute(self, context: Context) -> dict[str, object]:
        """Read the logs, and store what they hold."""
        from airflow_provider_bedrock_rft.core.dataset.invocation_log import LogReader, filter_of
        from airflow_provider_bedrock_rft.core.steps.dataset_making import count_words, import_logs
        from airflow_provider_bedrock_rft.hooks.files import reading
        from airflow_provider_bedrock_rft.hooks.splits import store_dataset

        with failing_fast(), reading(self.hook.objects) as datasets, TemporaryDirectory(prefix="rft-") as folder:
            wanted = filter_of(
                metadata=_pairs(self.metadata),
                not_metadata=_pairs(self.not_metadata),
                any_metadata=_pairs(self.any_metadata),
                models=self.models or (),
                since=self.since,
                until=self.until,
            )
            reader = LogReader(keep_completion=is_true(self.keep_completion, "keep_completion"), wanted=wanted)
            out = Path(folder, "imported.jsonl")
            written = import_logs(datasets.sources(self.logs, "logs", "train"), out, reader)
            self.log.info("Entries of the logs: %s.", count_words(reader.counts) or "none")
            place = text_of(self.artifacts_uri, "artifacts_uri", {})
            stored = store_dataset(self.hook.objects, out, written, place, counts=reader.counts)
        self.log.info("%s records in %s", stored.n_records, stored.uri)
        context["ti"].xcom_push(key="dataset", value=stored.uri)
        return to_xcom(stored)


class BedrockRftDescribeDatasetOperator(ReadingOperator):
    """Say what a dataset is like, and which hyper-parameters follow from it.

    Returns the payload ``rft.dataset_statistics`` (lengths with percentiles, frequent references, ``hints``). With
    ``artifacts_uri`` a page with plots is stored, too; its URI is pushed under the key ``page``.

    Args:
        batch_size: For steps and checkpoints per epoch.
        tokenizer: As for ``bedrock-rft dataset stats --tokenizer``; without one an upper bound is used.
        artifacts_uri: ``s3://bucket/prefix`` for the page.
        kwargs: ``dataset`` and ``columns``; see :class:`ReadingOperator`.
    """

    template_fields = ("batch_size", "tokenizer", "artifacts_uri", *READING_FIELDS)

    def __init__(
        self,
        *,
        batch_size: int | str = 4,
        tokenizer: str | None = None,
        artifacts_uri: Text | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_size = batch_size
        self.tokenizer = tokenizer
        self.artifacts_uri = artifacts_uri

    def execute(self, context: Context) -> dict[str, object]:
        """Describe it."""
        from airflow_provider_bedrock_rft.core.dataset.statistics import dataset_statistics
        from airflow_provider_bedrock_rft.core.steps.dataset import records_in
        from airflow_provider_bedrock_rft.hooks.dataset_checks import counter_of, folder_of
        from airflow_provider_bedrock_rft.hooks.splits import store_page

        with failing_fast(), self.reading() as datasets:
            statistics = dataset_statistics(
                records_in(datasets.sources(self.dataset, "dataset", "train")),
                batch_size=whole_number(self.batch_size, "batch_size"),
                count_tokens=counter_of(self.tokenizer),
            )
            folder = folder_of(self.artifacts_uri)
            if folder:
                page = store_page(self.hook.objects, statistics, folder, title=f"Statistics of {_named(self.dataset)}")
                context["ti"].xcom_push(key="page", value=page)
                self.log.info("The page is %s", page)
        self.log.info("%s records; %s", statistics.n_records, statistics.hints)
        return to_xcom(statistics)


def _pairs(given: Metadata) -> list[tuple[str, str]]:
    several = {key: [value] if isinstance(value, str) else value for key, value in (given or {}).items()}
    return [(key, value) for key, values in several.items() for value in values]


def _named(dataset: Given | Sequence[Given]) -> str:
    return dataset if isinstance(dataset, str) else "a dataset"
