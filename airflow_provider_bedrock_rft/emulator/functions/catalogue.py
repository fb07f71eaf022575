"""What the host needs to know of a function, and from whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionVersion:
    """One version of a function, fit to be a key: equal values may share an execution environment.

    ``version`` is ``$LATEST`` or a number; ``arn`` is the one it was invoked by, with its qualifier if any.
    """

    account: str
    region: str
    name: str
    arn: str
    version: str
    handler: str
    runtime: str
    role: str
    timeout_seconds: int
    memory_mb: int
    environment: tuple[tuple[str, str], ...]
    code_sha256: str
    reserved_concurrency: int | None = None
    n_layers: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """Account, region and name: what reserved concurrency counts by."""
        return self.account, self.region, self.name


class FunctionCatalogue(Protocol):
    """Where functions are registered."""

    def resolve(self, name_or_arn: str, qualifier: str | None, *, account: str, region: str) -> FunctionVersion:
        """The version a name or ARN (with its own qualifier or ``qualifier``) stands for.

        Raises:
            FunctionNotFound: There is no such function, version or alias.
        """
        ...

    def code(self, function: FunctionVersion) -> bytes:
        """The function's zip."""
        ...
