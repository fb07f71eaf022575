"""What an account is granted: Service Quotas for Bedrock, Lambda itself for the grader's concurrency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.translate import translated

if TYPE_CHECKING:
    from collections.abc import Iterator

BEDROCK = "bedrock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """One limit that AWS applies to the account in this region.

    Attributes:
        name: AWS's words.
        value: What is granted now.
        is_adjustable: More can be asked for.
    """

    name: str
    value: float
    is_adjustable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """Executions of Lambda functions at one time.

    Attributes:
        granted: To the whole account in this region.
        unreserved: Of these, what no function keeps to itself.
    """

    granted: int
    unreserved: int


class AccountQuotas:
    """Reads only; nothing is asked for."""

    def __init__(self, service_quotas: Any, functions: Any) -> None:  # noqa: ANN401 -- boto3's types
        self._service_quotas = service_quotas
        self._functions = functions

    def of_bedrock(self) -> Iterator[Quota]:
        """All that Service Quotas lists for Bedrock; Mantle's are listed for some models only."""
        with translated("List the quotas of Bedrock"):
            for page in self._service_quotas.get_paginator("list_service_quotas").paginate(ServiceCode=BEDROCK):
                for quota in page["Quotas"]:
                    yield Quota(name=quota["QuotaName"], value=quota["Value"], is_adjustable=quota["Adjustable"])

    def concurrency(self) -> Concurrency:
        """Of Lambda functions."""
        with translated("Read the account's Lambda settings"):
            limits = self._functions.get_account_settings()["AccountLimit"]
        return Concurrency(granted=limits["ConcurrentExecutions"], unreserved=limits["UnreservedConcurrentExecutions"])
