"""What a client needs to know before its first call, and nothing that changes afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """Where to call, as whom, and how patiently.

    Attributes:
        region: Region of every call and of the bearer tokens.
        endpoint_url: One endpoint for every service (the emulator); empty uses the real hosts.
        service_endpoints: Endpoint per botocore service name, and ``bedrock-mantle``; wins over ``endpoint_url``.
        session_factory: Makes the ``boto3.session.Session`` whose credentials are used, once and on first use; ``None``
            takes boto3's own chain (environment, shared files, instance role).
        verify: As boto3 takes it: ``True``, ``False``, or the path of a CA bundle.
        connect_timeout_seconds: For a connection to open.
        read_timeout_seconds: Between two bytes of a reply.
        create_timeout_seconds: For a reply to the request that creates a job; it is never repeated by itself.
        upload_timeout_seconds: Between two bytes while a dataset is uploaded.
        max_retries: Repeats of a request that may be repeated, after throttling, 5xx or a lost connection.
        botocore_config: A ``botocore.config.Config`` whose values win over the ones above.
        registry_uri: MLflow tracking URI of the registry of champions; empty keeps it in SSM Parameter Store.
        identify_jobs: Send the intent's token as Mantle ``metadata``. AWS does not document the field.
    """

    region: str
    endpoint_url: str = ""
    service_endpoints: Mapping[str, str] = field(default_factory=dict)
    session_factory: Callable[[], Any] | None = None
    verify: bool | str = True
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 60.0
    create_timeout_seconds: float = 45.0
    upload_timeout_seconds: float = 300.0
    max_retries: int = 3
    botocore_config: Any = None
    registry_uri: str = ""
    identify_jobs: bool = False

    def endpoint_for(self, service: str) -> str | None:
        """The endpoint of a botocore service, ``None`` for the real one."""
        return self.service_endpoints.get(service) or self.endpoint_url or None

    @property
    def mantle_base_url(self) -> str:
        """Mantle's base URL. Its control plane answers below ``/v1`` only, not below the SDK's ``/openai/v1``."""
        host = self.endpoint_for("bedrock-mantle") or f"https://bedrock-mantle.{self.region}.api.aws"
        host = host.rstrip("/")
        return host if host.endswith("/v1") else f"{host}/v1"
