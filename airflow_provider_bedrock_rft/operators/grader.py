"""Put a grader into service as an immutable Lambda version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bedrock_rft.hooks import stages
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.inputs import text_of, whole_number
from airflow_provider_bedrock_rft.hooks.payloads import to_xcom
from airflow_provider_bedrock_rft.links import (
    BedrockRftGraderLink,
    BedrockRftGraderLogsLink,
    ShowsLinks,
    grader_links,
)
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.grader.package import GraderPackage
    from airflow_provider_bedrock_rft.core.steps.grader import DeployedGrader, GraderSettings
    from airflow_provider_bedrock_rft.hooks.inputs import Text


class BedrockRftDeployGraderOperator(ShowsLinks, BedrockRftOperator):
    """Package a grader, deploy it, and publish a version that cannot be swapped under a running job.

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
        alias: Moved to the version.
        python_version: Of the Lambda runtime, such as ``3.12``.
        preflight: Dataset (local path or ``s3://`` URI) whose first records the deployed version grades before this
            task succeeds.
        artifacts_uri: Where the manifest of the deployment is written; none without it.
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
        "preflight",
        "artifacts_uri",
        *CONNECTION_FIELDS,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"environment": "json"}
    operator_extra_links = (BedrockRftGraderLink(), BedrockRftGraderLogsLink())

    def __init__(
        self,
        *,
        source: str,
        function_name: str,
        requirements: Sequence[str] = (),
        role_arn: str = "",
        timeout_seconds: int | str = 300,
        memory_mb: int | str = 512,
        environment: Mapping[str, str] | None = None,
        layers: Sequence[str] = (),
        alias: str = "live",
        python_version: str | None = None,
        preflight: Text | None = None,
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
        self.alias = alias
        self.python_version = python_version
        self.preflight = preflight
        self.artifacts_uri = artifacts_uri

    def execute(self, context: Context) -> dict[str, object]:
        """Package, deploy, try."""
        from airflow_provider_bedrock_rft.core.steps.grader import deploy_grader

        with failing_fast():
            package = self._package()
            self.log.info("%s: %s bytes, fingerprint %s", package.origin, len(package.zip_bytes), package.fingerprint)
            deployed = deploy_grader(self.hook.functions, self.hook.roles, package, self._settings(), self.clock)
            self._report(context, deployed)
            if self.preflight:
                self._try(deployed.arn, text_of(self.preflight, "preflight", {}))
        self.record(context, lambda: stages.of_grader(deployed, self.source))
        return to_xcom(deployed)

    def _package(self) -> GraderPackage:
        from airflow_provider_bedrock_rft.core.grader.package import PYTHON_VERSION, build_package
        from airflow_provider_bedrock_rft.grading.source import read_source

        source = read_source(
            text_of(self.source, "source", {}),
            requirements=self.requirements,
            python_version=self.python_version or PYTHON_VERSION,
        )
        return build_package(source)

    def _settings(self) -> GraderSettings:
        from airflow_provider_bedrock_rft.core.steps.grader import GraderSettings

        return GraderSettings(
            function_name=text_of(self.function_name, "function_name", {}),
            role_arn=self.role_arn or "",
            timeout_seconds=whole_number(self.timeout_seconds, "timeout_seconds"),
            memory_mb=whole_number(self.memory_mb, "memory_mb"),
            environment=self.environment or {},
            layers=tuple(self.layers),
            alias=self.alias,
        )

    def _report(self, context: Context, deployed: DeployedGrader) -> None:
        how = "was in service already" if deployed.reused else "is in service now"
        self.log.info("The grader %s as version %s: %s", how, deployed.version, deployed.arn)
        if not self.hook.client_config.endpoint_url:
            for link, url in grader_links(deployed.arn):
                self.show_link(context, link, url)

    def _try(self, arn: str, place: str) -> None:
        """Have the deployed version grade references; a grader that cannot be called fails here, not in a paid job."""
        from airflow_provider_bedrock_rft.hooks.files import read_all
        from airflow_provider_bedrock_rft.hooks.preflight import try_grader

        of_references, of_nothing = try_grader(self.hook.functions, arn, read_all(self.hook.objects, place))
        if not of_references:
            self.log.warning("Preflight: %s has no references to try the grader on.", place)
            return
        self.log.info("Preflight: references score %s, empty completions %s.", of_references, of_nothing)
        if sum(of_references) <= sum(of_nothing):
            self.log.warning(
                "Preflight: references score no higher than empty completions. Unless they lack a format that "
                "the grader asks for, it cannot teach anything."
            )
