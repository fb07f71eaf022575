"""The composition root: one configuration in, every port out, each built once and on first use."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.clients.config import ClientConfig
    from airflow_provider_bedrock_rft.clients.tokens import BearerTokens
    from airflow_provider_bedrock_rft.core.deployment import DeploymentService
    from airflow_provider_bedrock_rft.core.ports import (
        FunctionService,
        IntentStore,
        ModelRuntime,
        ObjectStore,
        ParameterStore,
        RoleService,
        TrainingService,
        WakeUps,
    )
    from airflow_provider_bedrock_rft.core.steps.batching import BatchService

T = TypeVar("T")

LAMBDA_READ_TIMEOUT_SECONDS = 910.0
"""A function may run for 15 minutes before it answers."""

CONVERSE_READ_TIMEOUT_SECONDS = 600.0
"""A long completion of a reasoning model comes in one piece."""


class Session:
    """Clients that share one identity. Safe to use from many threads: boto3 builds its clients one at a time here."""

    def __init__(self, config: ClientConfig) -> None:
        self.config = config
        self._lock = RLock()
        self._built: dict[str, Any] = {}

    def client(self, service: str, *, read_timeout_seconds: float | None = None, max_retries: int | None = None) -> Any:  # noqa: ANN401 - boto3's type
        """The boto3 client of ``service``; one per service, read timeout and number of retries.

        Raises:
            InvalidCredentials: There are none, or they cannot be used.
        """
        seconds = read_timeout_seconds or self.config.read_timeout_seconds
        retries = self.config.max_retries if max_retries is None else max_retries
        return self._once(f"client:{service}:{seconds}:{retries}", lambda: self._new_client(service, seconds, retries))

    @property
    def boto(self) -> Any:  # noqa: ANN401 - boto3 is not typed
        """The boto3 session behind every client."""
        return self._once("boto", self._new_boto_session)

    @property
    def training(self) -> TrainingService:
        """The Mantle control plane."""
        return self._once("training", self._new_mantle_training)

    @property
    def native_training(self) -> TrainingService:
        """The native Bedrock control plane."""
        from airflow_provider_bedrock_rft.clients.native import NativeTraining
        from airflow_provider_bedrock_rft.clients.system_clock import SystemClock

        return self._once(
            "native_training", lambda: NativeTraining(self.client("bedrock"), self.objects, SystemClock())
        )

    @property
    def runtime(self) -> ModelRuntime:
        """Inference with base models, tuned models, checkpoints and deployments of either plane."""
        from airflow_provider_bedrock_rft.clients.converse import EitherRuntime

        return self._once(
            "runtime",
            lambda: EitherRuntime(
                mantle=lambda: self._once("runtime:mantle", self._new_mantle_runtime),
                native=lambda: self._once("runtime:native", self._new_converse_runtime),
            ),
        )

    @property
    def batch(self) -> BatchService:
        """Batch inference with models of the native plane."""
        from airflow_provider_bedrock_rft.clients.runtime_batch import BedrockBatch

        return self._once("batch", lambda: BedrockBatch(self.client("bedrock"), self.objects))

    @property
    def deployments(self) -> DeploymentService:
        """Where the native plane's custom models are made to answer."""
        from airflow_provider_bedrock_rft.clients.deployments import BedrockDeployments

        return self._once("deployments", lambda: BedrockDeployments(self.client("bedrock")))

    @property
    def functions(self) -> FunctionService:
        """Lambda."""
        from airflow_provider_bedrock_rft.clients.functions import LambdaFunctions

        return self._once(
            "functions",
            lambda: LambdaFunctions(self.client("lambda", read_timeout_seconds=LAMBDA_READ_TIMEOUT_SECONDS)),
        )

    @property
    def roles(self) -> RoleService:
        """IAM."""
        from airflow_provider_bedrock_rft.clients.roles import IamRoles

        return self._once("roles", lambda: IamRoles(self.client("iam"), self.client("sts")))

    @property
    def objects(self) -> ObjectStore:
        """S3."""
        from airflow_provider_bedrock_rft.clients.objects import S3Objects

        return self._once("objects", lambda: S3Objects(self.client("s3")))

    @property
    def parameters(self) -> ParameterStore:
        """SSM Parameter Store, or the MLflow registry that the configuration names."""
        return self._once("parameters", self._new_parameters)

    def intents(self, uri: str) -> IntentStore:
        """Intents kept in S3 below ``uri``."""
        from airflow_provider_bedrock_rft.clients.intents import S3Intents

        return self._once(f"intents:{uri}", lambda: S3Intents(self.client("s3"), uri))

    def wake_ups(self, queue_url: str) -> WakeUps:
        """Job events in that SQS queue."""
        from airflow_provider_bedrock_rft.clients.wake_ups import QueuedWakeUps

        return self._once(f"wake_ups:{queue_url}", lambda: QueuedWakeUps(self.client("sqs"), queue_url))

    def _once(self, name: str, build: Callable[[], T]) -> T:
        with self._lock:
            if name not in self._built:
                self._built[name] = build()
            made: T = self._built[name]
            return made

    def _new_boto_session(self) -> Any:  # noqa: ANN401 - boto3 is not typed
        from airflow_provider_bedrock_rft.clients.translate import translated

        with translated("Get AWS credentials"):
            if self.config.session_factory:
                return self.config.session_factory()
            import boto3

            return boto3.session.Session(region_name=self.config.region)

    def _new_client(self, service: str, read_timeout_seconds: float, max_retries: int) -> Any:  # noqa: ANN401 - boto3 is not typed
        from botocore.config import Config

        from airflow_provider_bedrock_rft.clients.translate import translated

        ours = Config(
            connect_timeout=self.config.connect_timeout_seconds,
            read_timeout=read_timeout_seconds,
            retries={"mode": "standard", "total_max_attempts": max_retries + 1},
        )
        with translated(f"Connect to {service}"):
            return self.boto.client(
                service,
                region_name=self.config.region,
                endpoint_url=self.config.endpoint_for(service),
                verify=self.config.verify,
                config=ours.merge(self.config.botocore_config) if self.config.botocore_config else ours,
            )

    def _new_parameters(self) -> ParameterStore:
        if self.config.registry_uri:
            from airflow_provider_bedrock_rft.clients.parameters_mlflow import MlflowParameters

            return MlflowParameters.at(self.config.registry_uri)
        from airflow_provider_bedrock_rft.clients.parameters import SsmParameters

        return SsmParameters(self.client("ssm"))

    def _new_mantle_training(self) -> TrainingService:
        from airflow_provider_bedrock_rft.clients.mantle import MantleTraining

        return MantleTraining(self._mantle, self.config)

    def _new_mantle_runtime(self) -> ModelRuntime:
        from airflow_provider_bedrock_rft.clients.runtime import MantleRuntime
        from airflow_provider_bedrock_rft.clients.runtime_http import JsonEndpoint

        return MantleRuntime(JsonEndpoint(self.config, self._tokens.current))

    def _new_converse_runtime(self) -> ModelRuntime:
        from airflow_provider_bedrock_rft.clients.converse import ConverseRuntime

        # whoever asks many times must see every refusal
        client = self.client("bedrock-runtime", read_timeout_seconds=CONVERSE_READ_TIMEOUT_SECONDS, max_retries=0)
        return ConverseRuntime(client)

    @property
    def _mantle(self) -> Any:  # noqa: ANN401 - the SDK is imported late
        from airflow_provider_bedrock_rft.clients.mantle import new_openai_client

        return self._once("mantle", lambda: new_openai_client(self.config, self._tokens.current))

    @property
    def _tokens(self) -> BearerTokens:
        from airflow_provider_bedrock_rft.clients.tokens import BearerTokens

        return self._once("tokens", lambda: BearerTokens(self.boto, self.config.region))
