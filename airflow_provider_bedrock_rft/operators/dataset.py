"""Check, split and upload the dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bedrock_rft.assets import describe_event
from airflow_provider_bedrock_rft.core.job.status import Outcome, outcome_of
from airflow_provider_bedrock_rft.hooks import stages
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.files import canonical_copy, local_copy, read_all, source_at
from airflow_provider_bedrock_rft.hooks.inputs import one_of, text_of, whole_number
from airflow_provider_bedrock_rft.hooks.payloads import to_xcom
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.dataset.check import DatasetReport
    from airflow_provider_bedrock_rft.core.ports import TrainingService
    from airflow_provider_bedrock_rft.core.steps.dataset import UploadedDataset
    from airflow_provider_bedrock_rft.hooks.inputs import Text

MAX_LOGGED_FINDINGS = 50
"""Findings that are written to the task's log; all are counted."""


class _DatasetOperator(BedrockRftOperator):
    """An operator that reads a dataset."""

    def check(self, dataset: str, evaluation: Sequence[Text], targets: Sequence[str]) -> DatasetReport:
        """Check a dataset, log every finding, and refuse one with errors.

        Raises:
            InvalidDataset: Names the first error, and how many there are.
        """
        from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, check_dataset
        from airflow_provider_bedrock_rft.core.dataset.quota import Target
        from airflow_provider_bedrock_rft.core.dataset.source import EVALUATION, TRAIN

        sources = [source_at(self.hook.objects, dataset, TRAIN)]
        sources += [source_at(self.hook.objects, text_of(place, "evaluation", {}), EVALUATION) for place in evaluation]
        report = check_dataset(sources, CheckOptions(targets=tuple(Target(name) for name in targets)))
        self._log_report(report)
        report.raise_for_errors()
        return report

    def _log_report(self, report: DatasetReport) -> None:
        for file in report.files:
            self.log.info("%s: %s records (%s), SHA-256 %s", file.path, file.n_records, file.split, file.sha256[:16])
        for finding in report.findings[:MAX_LOGGED_FINDINGS]:
            self.log.info("%s", finding)
        if len(report.findings) > MAX_LOGGED_FINDINGS:
            self.log.info("… and %s findings more.", len(report.findings) - MAX_LOGGED_FINDINGS)
        counts = ", ".join(f"{n} {severity.value}" for severity, n in report.counts.items() if n)
        self.log.info("Findings: %s.", counts or "none")


class BedrockRftCheckDatasetOperator(_DatasetOperator):
    """Refuse a dataset with errors before anything is uploaded or paid for.

    Every finding stands in the log with its file and line. Returns counts and the SHA-256 of the file.

    Args:
        dataset: JSONL, a local path or ``s3://`` URI.
        evaluation: Held-out JSONL files, which must share nothing with the dataset.
        targets: Whose rules apply: ``mantle``, ``native``, ``sagemaker``.
        kwargs: As for every operator of this package.
    """

    template_fields = ("dataset", "evaluation", "targets", *CONNECTION_FIELDS)

    def __init__(
        self, *, dataset: Text, evaluation: Sequence[Text] = (), targets: Sequence[str] = ("mantle",), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.evaluation = evaluation
        self.targets = targets

    def execute(self, context: Context) -> dict[str, object]:  # noqa: ARG002 -- Airflow's signature
        """Check it."""
        with failing_fast():
            report = self.check(text_of(self.dataset, "dataset", {}), self.evaluation, self.targets)
        counts = {severity.value: n for severity, n in report.counts.items()}
        return {"n_records": report.n_records, "sha256": report.sha256, "findings": counts}


class BedrockRftSplitDatasetOperator(_DatasetOperator):
    """Divide a dataset into parts that share no prompt, and store them where every worker finds them.

    Returns the payload ``rft.split``; each part's URI is also pushed under the part's name, so that a downstream task
    takes ``split.output["train"]``. Equal content, seed and fractions give equal URIs and equal bytes.

    Args:
        dataset: JSONL, a local path or ``s3://`` URI.
        artifacts_uri: ``s3://bucket/prefix`` to store the parts below.
        fractions: Part → share; the shares add up to 1.
        seed: Decides the draw, and nothing else does.
        group_by: Metadata key of records that must stay together.
        stratify_by: Metadata key whose values are spread evenly.
        kwargs: As for every operator of this package.
    """

    template_fields = ("dataset", "artifacts_uri", "fractions", "seed", "group_by", "stratify_by", *CONNECTION_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"fractions": "json"}

    def __init__(
        self,
        *,
        dataset: Text,
        artifacts_uri: Text,
        fractions: Mapping[str, float] | None = None,
        seed: int | str = 0,
        group_by: str | None = None,
        stratify_by: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.artifacts_uri = artifacts_uri
        self.fractions = fractions
        self.seed = seed
        self.group_by = group_by
        self.stratify_by = stratify_by

    def execute(self, context: Context) -> dict[str, object]:
        """Split it."""
        from airflow_provider_bedrock_rft.core.dataset.split import DEFAULT_FRACTIONS, split_records
        from airflow_provider_bedrock_rft.hooks.splits import store_split

        with failing_fast():
            split = split_records(
                read_all(self.hook.objects, text_of(self.dataset, "dataset", {})),
                seed=whole_number(self.seed, "seed"),
                fractions={name: float(share) for name, share in (self.fractions or DEFAULT_FRACTIONS).items()},
                group_by=self.group_by or None,
                stratify_by=self.stratify_by or None,
            )
            stored = store_split(self.hook.objects, split, text_of(self.artifacts_uri, "artifacts_uri", {}))
        for name, uri in stored.parts.items():
            self.log.info("%s: %s records in %s", name, stored.n_records[name], uri)
            context["ti"].xcom_push(key=name, value=uri)
        self.record(context, lambda: stages.of_split(stored, self.dataset))
        return to_xcom(stored)


class BedrockRftUploadDatasetOperator(_DatasetOperator):
    """Check a dataset and upload it in canonical form, unless the same content is stored already.

    Returns the payload ``rft.dataset`` (``file_id``, ``fingerprint``, ``n_records``, ``reused`` …).

    Args:
        dataset: JSONL, a local path or ``s3://`` URI.
        evaluation: Held-out JSONL files, which must share nothing with the dataset.
        targets: Whose rules apply: ``mantle``, ``native``, ``sagemaker``; those of the plane when left out.
        plane: Where it will train: ``mantle`` keeps files itself, for ``native`` they go below ``artifacts_uri``.
        on_unchanged: When a job has succeeded on this very content before: ``train`` again, or ``skip`` this task and
            with it what follows.
        artifacts_uri: ``s3://bucket/prefix``; the manifest of the upload is written below it.
        kwargs: As for every operator of this package.
    """

    template_fields = ("dataset", "evaluation", "targets", "plane", "on_unchanged", "artifacts_uri", *CONNECTION_FIELDS)

    def __init__(
        self,
        *,
        dataset: Text,
        evaluation: Sequence[Text] = (),
        targets: Sequence[str] = (),
        plane: Text = "mantle",
        on_unchanged: str = "train",
        artifacts_uri: Text | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.evaluation = evaluation
        self.targets = targets
        self.plane = plane
        self.on_unchanged = on_unchanged
        self.artifacts_uri = artifacts_uri

    def execute(self, context: Context) -> dict[str, object]:
        """Check, then upload."""
        from airflow_provider_bedrock_rft.hooks.planes import training_on

        with failing_fast():
            on_unchanged = one_of("on_unchanged", self.on_unchanged, "train", "skip")
            training = training_on(self.hook, one_of("plane", str(self.plane), "mantle", "native"))
            place = text_of(self.dataset, "dataset", {})
            self.check(place, self.evaluation, self.targets or (str(self.plane),))
            uploaded = self._upload(training, place)
        self._report(uploaded)
        if on_unchanged == "skip" and uploaded.reused:
            self._skip_if_trained(training, uploaded)
        describe_event(
            context,
            {"file_id": uploaded.file_id, "fingerprint": uploaded.fingerprint, "n_records": uploaded.n_records},
        )
        self.record(context, lambda: stages.of_upload(uploaded, place))
        return to_xcom(uploaded)

    def _upload(self, training: TrainingService, place: str) -> UploadedDataset:
        from airflow_provider_bedrock_rft.core.steps.dataset import upload_dataset, upload_dataset_to_s3

        with local_copy(self.hook.objects, place) as path, canonical_copy(path, name=place) as (canonical, written):
            self.log.info("Uploading %s records, %s bytes.", written.n_records, f"{written.size_bytes:,}")
            sha256, n_records = written.sha256, written.n_records
            if training.capabilities.stores_files:
                return upload_dataset(training, canonical, fingerprint=sha256, n_records=n_records)
            prefix = f"{text_of(self.artifacts_uri, 'artifacts_uri', {}).rstrip('/')}/datasets"
            return upload_dataset_to_s3(
                self.hook.objects, canonical, prefix=prefix, fingerprint=sha256, n_records=n_records
            )

    def _report(self, uploaded: UploadedDataset) -> None:
        how = "was stored already" if uploaded.reused else "is uploaded"
        self.log.info("The dataset %s as %s (%s).", how, uploaded.file_id, uploaded.name)

    def _skip_if_trained(self, training: TrainingService, uploaded: UploadedDataset) -> None:
        from airflow.providers.common.compat.sdk import AirflowSkipException

        for listed in training.list_jobs(created_after=0.0):
            if listed.training_data not in {"", uploaded.file_id}:
                continue
            job = training.get_job(listed.job_id)  # a listing's status may be old, and it may not name the data
            if job.training_data == uploaded.file_id and outcome_of(job.status) is Outcome.SUCCEEDED:
                raise AirflowSkipException(
                    f"The dataset has not changed since job {job.job_id} was trained on it (on_unchanged='skip')."
                )
