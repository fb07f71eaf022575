"""Put a grader into service as an immutable Lambda version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bedrock_rft.hooks import stages
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.inputs import is_true, text_of, whole_number
from airflow_provider_bedrock_rft.hooks.payloads import to_xcom
from airflow_provider_bedrock_rft.links import (
    BedrockRftGraderLink,
    BedrockRftGraderLogsLink,
    BedrockRftPageLink,
    ShowsLinks,
    grader_links,
)
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings
    from airflow_provider_bedrock_rft.core.steps.grader import DeployedGrader, GraderSettings
    from airflow_provider_bedrock_rft.grading.service import InService, Order
    from airflow_provider_bedrock_rft.hooks.inputs import Text

PREFLIGHT_RECORDS = 100


class BedrockRftDeployGraderOperator(ShowsLinks, BedrockRftOperator):
    """Try a grader, package and deploy it, and publish a version that cannot be swapped under a running job.

    Unchanged content publishes nothing new. Returns the payload ``rft.grader`` (``arn`` is version-qualified).

    Args:
        source: ``path/to/grader.py:function``, or a package folder.
        function_name: Of the Lambda function.
        requirements: Packages the grader imports; versions default to those installed here.
        role_arn: Execution role; one is made for the function when left out.
        timeout_seconds: Of one invocation.
        memory_mb: Of the function.
        environment: Environment variables.
        layers: ARNs of layer versions.
        layered: Packages that the layers provide, and that are not packaged therefore.
        image_uri: Of a container image in ECR, named by its digest, instead of ``source``.
        alias: Moved to the version, once it has passed everything.
        tier: Where it will train: ``bedrock``, ``sagemaker`` or ``hyperpod``.
        reserved_concurrency: Concurrent executions kept for the function; 0 reserves none.
        tags: Of the function.
        python_version: Of the Lambda runtime, such as ``3.12``; by default the worker's own, where Lambda has it.
        packages_uri: ``s3://bucket/prefix`` by way of which packages above 50 MB go; else below ``artifacts_uri``.
        preflight: Dataset (local path or ``s3://`` URI) that the grader is tried on by the bench of
            ``bedrock-rft grader test``, and on which the deployed version has to agree with the local run.
        preflight_options: ``answer_key``, ``skip`` (codes of checks) and ``limit`` (records, 100 by default).
        judge_models: ARNs of the models that a judge asks; what a made role is allowed.
        calibration: Completions with people's labels (``completion``, ``label``), which a judge has to agree with.
        allow_uncalibrated_judge: Deploy a judge that nobody has held to people.
        artifacts_uri: Where the manifest of the deployment and the bench's report are written; none without it.
        kwargs: As for every operator of this package.
    """

    template_fields = (
        "source",
        "function_name",
        "requirements",
        "role_arn",
        "timeout_seconds",
        "memory_mb",
        "environment",
        "layers",
        "image_uri",
        "packages_uri",
        "preflight",
        "calibration",
        "judge_models",
        "artifacts_uri",
        *CONNECTION_FIELDS,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"environment": "json"}
    operator_extra_links = (BedrockRftGraderLink(), BedrockRftGraderLogsLink(), BedrockRftPageLink())

    def __init__(
        self,
        *,
        function_name: str,
        source: str = "",
        requirements: Sequence[str] = (),
        role_arn: str = "",
        timeout_seconds: int | str = 300,
        memory_mb: int | str = 512,
        environment: Mapping[str, str] | None = None,
        layers: Sequence[str] = (),
        layered: Sequence[str] = (),
        image_uri: str = "",
        alias: str = "live",
        tier: str = "bedrock",
        reserved_concurrency: int = 0,
        tags: Mapping[str, str] | None = None,
        python_version: str | None = None,
        packages_uri: str = "",
        preflight: Text | None = None,
        preflight_options: Mapping[str, object] | None = None,
        judge_models: Sequence[str] = (),
        calibration: Text | None = None,
        allow_uncalibrated_judge: bool | str = False,
        artifacts_uri: Text | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.function_name = function_name
        self.requirements = requirements
        self.role_arn = role_arn
        self.timeout_seconds = timeout_seconds
        self.memory_mb = memory_mb
        self.environment = environment
        self.layers = layers
        self.layered = layered
        self.image_uri = image_uri
        self.alias = alias
        self.tier = tier
        self.reserved_concurrency = reserved_concurrency
        self.tags = tags
        self.python_version = python_version
        self.packages_uri = packages_uri
        self.preflight = preflight
        self.preflight_options = preflight_options
        self.judge_models = judge_models
        self.calibration = calibration
        self.allow_uncalibrated_judge = allow_uncalibrated_judge
        self.artifacts_uri = artifacts_uri

    def execute(self, context: Context) -> dict[str, object]:
        """Try, package, deploy, compare."""
        from airflow_provider_bedrock_rft.grading.service import Place, put_into_service

        with failing_fast():
            order = self._order()
            hook = self.hook
            place = Place(functions=hook.functions, roles=hook.roles, objects=hook.objects, clock=self.clock)
            done = put_into_service(order, place)
        deployed = self._report(context, done)
        self.record(context, lambda: stages.of_grader(deployed, self.source or self.image_uri))
        return to_xcom(deployed)

    def _order(self) -> Order:
        from airflow_provider_bedrock_rft.core.grader.package import PYTHON_VERSION
        from airflow_provider_bedrock_rft.grading.service import Order

        settings = self._settings()
        return Order(
            settings=settings,
            source=text_of(self.source, "source", {}) if self.source else "",
            image_uri=self.image_uri,
            requirements=tuple(self.requirements),
            layered=tuple(self.layered),
            python_version=self.python_version or PYTHON_VERSION,
            records=self._records(self.preflight, "preflight"),
            trial=self._trial(settings),
            judge_models=tuple(self.judge_models),
            labelled=self._records(self.calibration, "calibration"),
            allows_uncalibrated=is_true(self.allow_uncalibrated_judge, "allow_uncalibrated_judge"),
        )

    def _settings(self) -> GraderSettings:
        from airflow_provider_bedrock_rft.core.grader.tier import Tier
        from airflow_provider_bedrock_rft.core.steps.grader import GraderSettings

        kept = self.artifacts_uri if isinstance(self.artifacts_uri, str) else ""
        return GraderSettings(
            function_name=text_of(self.function_name, "function_name", {}),
            role_arn=self.role_arn or "",
            timeout_seconds=whole_number(self.timeout_seconds, "timeout_seconds"),
            memory_mb=whole_number(self.memory_mb, "memory_mb"),
            environment=self.environment or {},
            layers=tuple(self.layers),
            alias=self.alias,
            tier=Tier(self.tier),
            reserved_concurrency=self.reserved_concurrency,
            tags=self.tags or {},
            packages_uri=self.packages_uri or (f"{kept.rstrip('/')}/packages" if kept.startswith("s3://") else ""),
        )

    def _trial(self, settings: GraderSettings) -> TrialSettings:
        from airflow_provider_bedrock_rft.hooks.preflight import trial_settings

        return trial_settings(
            self.preflight_options, settings.timeout_seconds, settings.memory_mb, max_records=PREFLIGHT_RECORDS
        )

    def _records(self, place: Text | None, field: str) -> Sequence[Record]:
        from airflow_provider_bedrock_rft.hooks.files import read_all

        return read_all(self.hook.objects, text_of(place, field, {})) if place else ()

    def _report(self, context: Context, done: InService) -> DeployedGrader:
        """Say what was found, keep it, and show where the grader is."""
        from airflow_provider_bedrock_rft.hooks.preflight import keep_findings

        deployed = done.deployed
        for sentence in done.sentences():
            self.log.info("%s", sentence)
        if not self.hook.client_config.endpoint_url:
            for link, url in grader_links(deployed.arn):
                self.show_link(context, link, url)
        place = self.artifacts_uri
        return keep_findings(self.hook.objects, done, place) if isinstance(place, str) and place else deployed
