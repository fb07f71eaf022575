"""What the operators that read datasets share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager, ExitStack

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, DatasetReport
    from airflow_provider_bedrock_rft.core.dataset.source import Source
    from airflow_provider_bedrock_rft.hooks.files import Datasets
    from airflow_provider_bedrock_rft.hooks.inputs import Given

EMPTY = (None, "", "None")
"""What a template leaves of a field that was not given."""
SPLITS = ("evaluation", "validation", "test")
MAX_LOGGED_FINDINGS = 50
"""Findings that are written to the task's log; all are counted."""
MAX_SHOWN_FINDINGS = 100
"""Findings that are shown under the task's XComs."""
READING_FIELDS = ("dataset", "columns", *CONNECTION_FIELDS)
CHECKING_FIELDS = (
    *SPLITS,
    "targets",
    "reference_grader",
    "max_prompt_tokens",
    "tokenizer",
    "previous",
    "near",
    "privacy",
    *READING_FIELDS,
)


class ReadingOperator(BedrockRftOperator):
    """An operator that reads a dataset.

    Args:
        dataset: A local path, ``s3://`` URI or ``s3://…/`` prefix, or a list of them: JSONL, CSV, TSV or Parquet, also
            packed as ``.gz`` or ``.zst``.
        columns: For tables, fields of ``ColumnMapping``: ``prompt``, ``reference``, ``system``, ``record_id`` …
        kwargs: As for every operator of this package.
    """

    def __init__(
        self, *, dataset: Given | Sequence[Given], columns: Mapping[str, object] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.columns = columns

    def reading(self) -> AbstractContextManager[Datasets]:
        """A way to read datasets; what it fetched is gone when the block ends."""
        from airflow_provider_bedrock_rft.hooks.files import reading

        return reading(self.hook.objects, self.columns)


class CheckingOperator(ReadingOperator):
    """An operator that checks a dataset before anything else.

    Args:
        evaluation: Held-out data, given like ``dataset``; may share nothing with it, nor with the two below.
        validation: Likewise.
        test: Likewise.
        targets: Whose rules apply: ``mantle``, ``native``, ``sagemaker``.
        reference_grader: ``path/to/grader.py:function``, run on every reference, which it must score at the top.
        max_prompt_tokens: Longest prompt.
        tokenizer: As for ``bedrock-rft dataset check --tokenizer``; without one an upper bound is used.
        previous: Manifest of the dataset accepted before (path, URI, or the output of an upload), for language drift.
        near: Look for near duplicates and near leakage.
        privacy: Look for secrets and personal data.
        kwargs: As for every operator of this package, and ``dataset`` and ``columns``.
    """

    def __init__(
        self,
        *,
        evaluation: Given | Sequence[Given] = (),
        validation: Given | Sequence[Given] = (),
        test: Given | Sequence[Given] = (),
        targets: Sequence[str] = ("mantle",),
        reference_grader: str | None = None,
        max_prompt_tokens: int | str | None = None,
        tokenizer: str | None = None,
        previous: Given | None = None,
        near: bool | str = True,
        privacy: bool | str = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.evaluation = evaluation
        self.validation = validation
        self.test = test
        self.targets = targets
        self.reference_grader = reference_grader
        self.max_prompt_tokens = max_prompt_tokens
        self.tokenizer = tokenizer
        self.previous = previous
        self.near = near
        self.privacy = privacy

    def options(self, targets: Sequence[str], stack: ExitStack, *, accepted_below: str = "") -> CheckOptions:
        """The options of the check; see :meth:`Wanted.options`."""
        from airflow_provider_bedrock_rft.hooks.dataset_checks import Wanted

        wanted = Wanted(
            targets=[targets] if isinstance(targets, str) else targets,
            grader=self.reference_grader,
            max_prompt_tokens=self.max_prompt_tokens,
            tokenizer=self.tokenizer,
            previous=self.previous,
            near=self.near,
            privacy=self.privacy,
        )
        return wanted.options(self.hook.objects, stack, accepted_below=accepted_below)

    def held_out(self, datasets: Datasets) -> Iterator[Source]:
        """The sources that training data may share nothing with."""
        for split in SPLITS:
            given = getattr(self, split)
            if given not in (*EMPTY, (), []):
                yield from datasets.sources(given, split, split)

    def check(self, context: Context, sources: Sequence[Source], options: CheckOptions) -> DatasetReport:
        """Check sources; findings go to the log, and the first of them under the XCom key ``report``."""
        from airflow_provider_bedrock_rft.core.dataset.report import report_json
        from airflow_provider_bedrock_rft.hooks.dataset_checks import check_sources, log_report

        report = check_sources(sources, options)
        log_report(report, lambda line: self.log.info("%s", line), at_most=MAX_LOGGED_FINDINGS)
        context["ti"].xcom_push(key="report", value=report_json(report, max_findings=MAX_SHOWN_FINDINGS))
        return report
