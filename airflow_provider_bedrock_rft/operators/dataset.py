"""Check, split and upload the dataset."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bedrock_rft.assets import describe_event
from airflow_provider_bedrock_rft.hooks import stages
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.inputs import one_of, text_of, whole_number
from airflow_provider_bedrock_rft.hooks.payloads import to_xcom
from airflow_provider_bedrock_rft.operators.dataset_reading import (
    CHECKING_FIELDS,
    EMPTY,
    READING_FIELDS,
    CheckingOperator,
    ReadingOperator,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.sdk import Context
    from pydantic import JsonValue

    from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, DatasetReport
    from airflow_provider_bedrock_rft.core.dataset.source import Source
    from airflow_provider_bedrock_rft.core.ports import TrainingService
    from airflow_provider_bedrock_rft.core.steps.dataset import PreparedDataset, UploadedDataset
    from airflow_provider_bedrock_rft.hooks.inputs import Given, Text


class BedrockRftCheckDatasetOperator(CheckingOperator):
    """Refuse a dataset with errors before anything is uploaded or paid for.

    Every finding stands in the log with its file and line, and the first hundred under the XCom key ``report``. Returns
    counts and the SHA-256 of the file.

    Args:
        fix_uri: ``s3://bucket/key.jsonl`` or local path for a mended copy, which is checked in the dataset's place and
            returned as ``dataset``; each repair stands in the log, and the original stays as it is.
        kwargs: ``dataset``, ``columns``, ``evaluation``, ``validation``, ``test``, ``targets``, ``reference_grader``,
            ``max_prompt_tokens``, ``tokenizer``, ``previous``, ``near``, ``privacy``; see :class:`CheckingOperator`.
    """

    template_fields = ("fix_uri", *CHECKING_FIELDS)

    def __init__(self, *, fix_uri: Text | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fix_uri = fix_uri

    def execute(self, context: Context) -> dict[str, object]:
        """Check it, mended first where that is wanted."""
        from airflow_provider_bedrock_rft.hooks.mending import mended

        with failing_fast(), ExitStack() as stack:
            datasets = stack.enter_context(self.reading())
            sources = datasets.sources(self.dataset, "dataset", "train")
            place = None if self.fix_uri in EMPTY else text_of(self.fix_uri, "fix_uri", {})
            if place is not None:
                sources = [mended(self.hook.objects, sources, place, stack, lambda line: self.log.info("%s", line))]
            report = self.check(context, [*sources, *self.held_out(datasets)], self.options(self.targets, stack))
            report.raise_for_errors()
        counts = {severity.value: n for severity, n in report.counts.items()}
        found = {"n_records": report.n_records, "sha256": report.sha256, "findings": counts}
        return found if place is None else {**found, "dataset": place}


class BedrockRftSplitDatasetOperator(ReadingOperator):
    """Divide a dataset into parts that share no prompt, and store them where every worker finds them.

    The check for leakage, exact and near, is run on the parts. Returns the payload ``rft.split``; each part's URI is
    also pushed under the part's name, so that a downstream task takes ``split.output["train"]``. Equal content, seed
    and fractions give equal URIs and equal bytes.

    Args:
        artifacts_uri: ``s3://bucket/prefix`` to store the parts below.
        fractions: Part → share; the shares add up to 1.
        seed: Decides the draw, and nothing else does.
        group_by: Metadata key of records that must stay together.
        stratify_by: Metadata key whose values are spread evenly.
        readiness: Output of ``BedrockRftAssessReadinessOperator``, or the URI of a difficulty file: records that are
            always or never solved are left out.
        order: ``given``, or ``curriculum``: in each part the easiest first (needs ``readiness``).
        kwargs: ``dataset`` and ``columns``; see :class:`ReadingOperator`.
    """

    template_fields = (
        "artifacts_uri",
        "fractions",
        "seed",
        "group_by",
        "stratify_by",
        "readiness",
        "order",
        *READING_FIELDS,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"fractions": "json"}

    def __init__(
        self,
        *,
        artifacts_uri: Text,
        fractions: Mapping[str, float] | None = None,
        seed: int | str = 0,
        group_by: str | None = None,
        stratify_by: str | None = None,
        readiness: Given | None = None,
        order: str = "given",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.artifacts_uri = artifacts_uri
        self.fractions = fractions
        self.seed = seed
        self.group_by = group_by
        self.stratify_by = stratify_by
        self.readiness = readiness
        self.order = order

    def execute(self, context: Context) -> dict[str, object]:
        """Split it."""
        from airflow_provider_bedrock_rft.core.dataset.split import DEFAULT_FRACTIONS
        from airflow_provider_bedrock_rft.core.steps.dataset import records_in
        from airflow_provider_bedrock_rft.core.steps.dataset_making import SplitPlan, split_dataset
        from airflow_provider_bedrock_rft.hooks.splits import mean_rewards_at, store_split

        with failing_fast(), self.reading() as datasets:
            plan = SplitPlan(
                seed=whole_number(self.seed, "seed"),
                fractions={name: float(share) for name, share in (self.fractions or DEFAULT_FRACTIONS).items()},
                group_by=self.group_by or None,
                stratify_by=self.stratify_by or None,
                mean_rewards={} if self.readiness in EMPTY else mean_rewards_at(self.hook.objects, self.readiness),
                order=self.order or "given",
            )
            divided = split_dataset(list(records_in(datasets.sources(self.dataset, "dataset", "train"))), plan)
            stored = store_split(self.hook.objects, divided, text_of(self.artifacts_uri, "artifacts_uri", {}))
        self.log.info("No leakage between the parts, exact or near.")
        for name, uri in stored.parts.items():
            self.log.info("%s: %s records in %s", name, stored.n_records[name], uri)
            context["ti"].xcom_push(key=name, value=uri)
        self.record(context, lambda: stages.of_split(stored, self.dataset))
        return to_xcom(stored)


class BedrockRftUploadDatasetOperator(CheckingOperator):
    """Check a dataset and upload it in canonical form, unless the same content is stored already.

    Returns the payload ``rft.dataset`` (``file_id``, ``fingerprint``, ``n_records``, ``reused``, ``trained_by``,
    ``manifest`` …). Progress stands in the log.

    Args:
        plane: Where it will train: ``mantle`` keeps files itself, for ``native`` they go below ``artifacts_uri``.
        on_unchanged: When a job has succeeded on this very content before: ``train`` again, or ``skip`` this task and
            with it what follows.
        artifacts_uri: ``s3://bucket/prefix``; manifests are kept below it, and the prompts' language is compared with
            that of the dataset accepted last.
        targets: Whose rules apply; those of the plane when left out.
        kwargs: ``dataset``, ``columns``, ``evaluation``, ``validation``, ``test``, ``reference_grader``,
            ``max_prompt_tokens``, ``tokenizer``, ``previous``, ``near``, ``privacy``; see :class:`CheckingOperator`.
    """

    template_fields = ("plane", "on_unchanged", "artifacts_uri", *CHECKING_FIELDS)

    def __init__(
        self,
        *,
        plane: Text = "mantle",
        on_unchanged: str = "train",
        artifacts_uri: Text | None = None,
        targets: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(targets=targets, **kwargs)
        self.plane = plane
        self.on_unchanged = on_unchanged
        self.artifacts_uri = artifacts_uri

    def execute(self, context: Context) -> dict[str, object]:
        """Check, then upload."""
        from airflow_provider_bedrock_rft.hooks.planes import training_on

        with failing_fast(), ExitStack() as stack:
            on_unchanged = one_of("on_unchanged", self.on_unchanged, "train", "skip")
            training = training_on(self.hook, one_of("plane", str(self.plane), "mantle", "native"))
            datasets = stack.enter_context(self.reading())
            folder = stack.enter_context(TemporaryDirectory(prefix="rft-"))
            sources = datasets.sources(self.dataset, "dataset", "train")
            prepared = self._prepare(
                context, [*sources, *self.held_out(datasets)], Path(folder, "dataset.jsonl"), stack
            )
            uploaded = self._upload(training, prepared)
        if uploaded.trained_by and on_unchanged == "skip":
            self._skip(uploaded)
        uploaded = self._with_manifest(uploaded, prepared)
        describe_event(context, _event_of(uploaded))
        self.record(context, lambda: stages.of_upload(uploaded, self.dataset))
        return to_xcom(uploaded)

    def _prepare(self, context: Context, sources: Sequence[Source], out: Path, stack: ExitStack) -> PreparedDataset:
        from airflow_provider_bedrock_rft import __version__
        from airflow_provider_bedrock_rft.core.steps.dataset import prepare_dataset
        from airflow_provider_bedrock_rft.hooks.dataset_checks import folder_of

        def check(sources: Sequence[Source], options: CheckOptions) -> DatasetReport:
            return self.check(context, sources, options)

        options = self.options(self.targets or (str(self.plane),), stack, accepted_below=folder_of(self.artifacts_uri))
        return prepare_dataset(sources, out, options=options, tool_version=__version__, check=check)[0]

    def _upload(self, training: TrainingService, prepared: PreparedDataset) -> UploadedDataset:
        from airflow_provider_bedrock_rft.core.steps.dataset import job_trained_on, upload_dataset, upload_dataset_to_s3
        from airflow_provider_bedrock_rft.hooks.transfers import TransferLog

        manifest, path = prepared.manifest, Path(prepared.path)
        self.log.info("Uploading %s records, %s bytes.", manifest.n_records, f"{manifest.size_bytes:,}")
        progress = TransferLog(manifest.size_bytes, lambda line: self.log.info("%s", line))
        send: Callable[..., UploadedDataset] = partial(upload_dataset, training)
        if not training.capabilities.stores_files:
            prefix = f"{text_of(self.artifacts_uri, 'artifacts_uri', {}).rstrip('/')}/datasets"
            send = partial(upload_dataset_to_s3, self.hook.objects, prefix=prefix)
        uploaded = send(path, fingerprint=manifest.fingerprint, n_records=manifest.n_records, on_progress=progress)
        how = "was stored already" if uploaded.reused else "is uploaded"
        self.log.info("The dataset %s as %s (%s).", how, uploaded.file_id, uploaded.name)
        trained_by = job_trained_on(training, uploaded.file_id) if uploaded.reused else ""
        if trained_by:
            self.log.info("It has not changed since job %s was trained on it.", trained_by)
        return replace(uploaded, trained_by=trained_by, manifest=manifest)

    def _with_manifest(self, uploaded: UploadedDataset, prepared: PreparedDataset) -> UploadedDataset:
        from airflow_provider_bedrock_rft.hooks.dataset_checks import folder_of, keep_manifest

        folder = folder_of(self.artifacts_uri)
        if not folder:
            return uploaded
        return replace(uploaded, manifest_uri=keep_manifest(self.hook.objects, prepared.manifest, folder))

    def _skip(self, uploaded: UploadedDataset) -> None:
        from airflow.providers.common.compat.sdk import AirflowSkipException

        raise AirflowSkipException(
            f"The dataset has not changed since job {uploaded.trained_by} was trained on it (on_unchanged='skip')."
        )


def _event_of(uploaded: UploadedDataset) -> Mapping[str, JsonValue]:
    """What the asset event of an upload tells."""
    return {
        "file_id": uploaded.file_id,
        "fingerprint": uploaded.fingerprint,
        "n_records": uploaded.n_records,
        "size_bytes": uploaded.size_bytes,
        "reused": uploaded.reused,
        "trained_by": uploaded.trained_by,
        "findings": {**uploaded.manifest.findings} if uploaded.manifest else {},
        "manifest_uri": uploaded.manifest_uri,
    }
