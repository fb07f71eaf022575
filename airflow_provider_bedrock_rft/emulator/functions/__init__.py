"""Lambda functions that really run: a process per execution environment, behind Lambda's own runtime API."""

from airflow_provider_bedrock_rft.emulator.functions.catalogue import FunctionCatalogue, FunctionVersion
from airflow_provider_bedrock_rft.emulator.functions.host import FunctionHost
from airflow_provider_bedrock_rft.emulator.functions.invocation import (
    CodeRefused,
    FunctionError,
    FunctionNotFound,
    FunctionThrottled,
    InvocationResult,
    PayloadTooLarge,
)
from airflow_provider_bedrock_rft.emulator.functions.limits import HostLimits

__all__ = [
    "CodeRefused",
    "FunctionCatalogue",
    "FunctionError",
    "FunctionHost",
    "FunctionNotFound",
    "FunctionThrottled",
    "FunctionVersion",
    "HostLimits",
    "InvocationResult",
    "PayloadTooLarge",
]
