"""From an ordinary Airflow AWS connection to the clients. Going to AWS changes the connection and nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseHook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.clients.config import ClientConfig
    from airflow_provider_bedrock_rft.clients.session import Session
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


class BedrockRftHook(BaseHook):
    """Everything the pipeline calls, with the identity of one AWS connection.

    Of the connection these are used as by the Amazon provider: keys and session token, ``profile_name``, ``role_arn``
    and the other ways to assume a role, ``region_name``, ``verify``, ``config_kwargs``, ``service_config``, and
    ``endpoint_url``, which here is the endpoint of every service, Mantle and STS included. One service's own endpoint
    is ``service_config: {"s3": {"endpoint_url": …}}`` (``bedrock-mantle`` for Mantle).

    Args:
        aws_conn_id: The connection; ``None`` uses boto3's own chain (environment, shared files, instance role).
        region_name: Wins over the connection's region.
        verify: Wins over the connection's ``verify``.
        identify_jobs: Send the intent's token to Mantle as ``metadata``, a field that AWS does not document.
    """

    conn_name_attr: ClassVar[str] = "aws_conn_id"
    default_conn_name: ClassVar[str] = "aws_default"
    conn_type: ClassVar[str] = "aws"
    hook_name: ClassVar[str] = "Amazon Bedrock RFT"

    def __init__(
        self,
        aws_conn_id: str | None = default_conn_name,
        *,
        region_name: str | None = None,
        verify: bool | str | None = None,
        identify_jobs: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id
        self.identify_jobs = identify_jobs
        self._region_name = region_name
        self._verify = verify
        self._lock = RLock()
        self._session: Session | None = None

    @cached_property
    def client_config(self) -> ClientConfig:
        """What the connection says, as the clients understand it.

        Raises:
            InvalidInput: The connection does not exist, or nothing names a region.
            InvalidCredentials: The connection's credentials cannot be used.
        """
        from airflow_provider_bedrock_rft.clients.config import ClientConfig

        aws = self._amazon_hook
        wrapper = aws.conn_config
        session = self._boto_session
        config = ClientConfig(
            region=self._region_of(session),
            endpoint_url=wrapper.endpoint_url or "",
            service_endpoints=_endpoints_in(wrapper.service_config),
            session_factory=lambda: session,
            verify=True if wrapper.verify is None else wrapper.verify,
            botocore_config=wrapper.botocore_config,
            registry_uri=str(wrapper.extra_config.get("registry_uri") or ""),
            identify_jobs=self.identify_jobs,
        )
        return _with_timeouts(config, wrapper.extra_config.get("config_kwargs") or {})

    @property
    def session(self) -> Session:
        """The composition root of this connection; its clients are built on first use, from any thread."""
        from airflow_provider_bedrock_rft.clients.session import Session

        with self._lock:
            if self._session is None:
                self._session = Session(self.client_config)
            return self._session

    @property
    def training(self) -> TrainingService:
        """The Mantle control plane."""
        return self.session.training

    @property
    def native_training(self) -> TrainingService:
        """The native Bedrock control plane (Nova)."""
        return self.session.native_training

    @property
    def runtime(self) -> ModelRuntime:
        """Inference."""
        return self.session.runtime

    @property
    def batch(self) -> BatchService:
        """Batch inference of the native plane."""
        return self.session.batch

    @property
    def deployments(self) -> DeploymentService:
        """Where the native plane's custom models are made to answer."""
        return self.session.deployments

    @property
    def functions(self) -> FunctionService:
        """Lambda."""
        return self.session.functions

    @property
    def roles(self) -> RoleService:
        """IAM."""
        return self.session.roles

    @property
    def objects(self) -> ObjectStore:
        """S3."""
        return self.session.objects

    @property
    def parameters(self) -> ParameterStore:
        """The registry: SSM Parameter Store, or MLflow where the connection's extra has a ``registry_uri``."""
        return self.session.parameters

    @property
    def region_name(self) -> str:
        """The region of every call."""
        return self.client_config.region

    def intents(self, uri: str) -> IntentStore:
        """Intents kept in S3 below ``uri``: the same durability on every Airflow version."""
        return self.session.intents(uri)

    def wake_ups(self, queue_url: str) -> WakeUps:
        """Job events that EventBridge puts into that SQS queue."""
        return self.session.wake_ups(queue_url)

    def get_conn(self) -> Session:
        """The composition root, under the name that Airflow's hooks share."""
        return self.session

    def test_connection(self) -> tuple[bool, str]:
        """Ask STS who we are, and Mantle for its newest job: credentials, region and endpoint in one go."""
        from airflow_provider_bedrock_rft.clients.translate import translated
        from airflow_provider_bedrock_rft.core.errors import RftError

        try:
            with translated("Get the caller's identity"):
                identity = self.session.client("sts").get_caller_identity()
            next(self.training.list_jobs(created_after=0.0), None)
        except RftError as error:
            return False, str(error)
        return True, f"{identity['Arn']} in {self.region_name} can use Bedrock fine-tuning."

    @cached_property
    def _amazon_hook(self) -> Any:  # noqa: ANN401 - imported late: it loads boto3
        from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

        self._check_connection()
        hook: Any = AwsGenericHook(
            self.aws_conn_id, region_name=self._region_name, verify=self._verify, client_type="sts"
        )
        endpoint = hook.conn_config.endpoint_url
        if endpoint:  # the Amazon provider would assume roles at the real STS
            hook.conn_config.service_config.setdefault("sts", {}).setdefault("endpoint_url", endpoint)
        return hook

    @cached_property
    def _boto_session(self) -> Any:  # noqa: ANN401 - boto3 is not typed
        from airflow_provider_bedrock_rft.clients.translate import translated

        with translated(f"Get AWS credentials from connection {self.aws_conn_id!r}"):
            return self._amazon_hook.get_session(region_name=self._region_name)

    def _check_connection(self) -> None:
        """The Amazon provider only warns, and goes on with the worker's own credentials: maybe another account's."""
        from airflow.providers.common.compat.sdk import AirflowNotFoundException

        from airflow_provider_bedrock_rft.core.errors import InvalidInput

        if self.aws_conn_id is None:
            return
        try:
            found = self.get_connection(self.aws_conn_id)
        except AirflowNotFoundException:
            raise InvalidInput(
                f"The Airflow connection {self.aws_conn_id!r} does not exist.",
                action=f"Create it (airflow connections add {self.aws_conn_id} --conn-type aws …), "
                "or pass aws_conn_id=None to use the worker's own credentials.",
                aws_conn_id=self.aws_conn_id,
            ) from None
        if found.conn_type != self.conn_type:
            raise InvalidInput(
                f"The Airflow connection {self.aws_conn_id!r} is of type {found.conn_type!r}, not 'aws'.",
                action="Name a connection of type Amazon Web Services.",
                aws_conn_id=self.aws_conn_id,
            )

    def _region_of(self, session: Any) -> str:  # noqa: ANN401 - boto3 is not typed
        from airflow_provider_bedrock_rft.core.errors import InvalidInput

        region = self._region_name or self._amazon_hook.conn_config.region_name or session.region_name
        if not region:
            raise InvalidInput(
                f"Nothing names an AWS region for the connection {self.aws_conn_id!r}.",
                action='Pass region_name, or add {"region_name": "us-west-2"} to the connection\'s extra.',
                aws_conn_id=self.aws_conn_id,
            )
        return str(region)


def _with_timeouts(config: ClientConfig, config_kwargs: Mapping[str, object]) -> ClientConfig:
    """What the connection says about botocore's patience holds for Mantle too, which botocore does not reach."""
    connect, read = (config_kwargs.get(name) for name in ("connect_timeout", "read_timeout"))
    if connect:
        config = replace(config, connect_timeout_seconds=float(str(connect)))
    if read:
        seconds = float(str(read))
        config = replace(config, read_timeout_seconds=seconds, create_timeout_seconds=seconds)
    return config


def _endpoints_in(service_config: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    named = {service: values.get("endpoint_url") for service, values in service_config.items()}
    return {service: str(endpoint) for service, endpoint in named.items() if endpoint}
