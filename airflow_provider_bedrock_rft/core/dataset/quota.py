"""What each target takes, with where that is written and when it was read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.dataset.finding import Finding, Place, finding_at

if TYPE_CHECKING:
    from collections.abc import Iterable


class Target(str, Enum):
    """Where a dataset is going: the OpenAI-compatible plane, Bedrock's own, or SageMaker."""

    MANTLE = "mantle"
    NATIVE = "native"
    SAGEMAKER = "sagemaker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a limit is written; ``read_on`` is an ISO date."""

    url: str
    read_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The limits and record rules of one target.

    Attributes:
        min_records: Fewest records of a training file.
        max_records: Most records of a training file.
        records_source: Where the two are written.
        roles: Roles a message may have.
        roles_source: Where they are written.
        allows_tools: A record may carry ``tools``.
        tools_source: Where that is written.
        requires_reference: A record without ``reference_answer`` is an error, not a warning.
        reference_source: Where that is written.
        max_prompt_tokens: Longest prompt; ``None`` where the service documents none.
    """

    min_records: int
    max_records: int
    records_source: Source
    roles: frozenset[str]
    roles_source: Source
    allows_tools: bool
    tools_source: Source
    requires_reference: bool
    reference_source: Source
    max_prompt_tokens: int | None = None


_GUIDE = "https://docs.aws.amazon.com/bedrock/latest/userguide/"
_OPEN_WEIGHT = Source(url=f"{_GUIDE}rft-prepare-data-open-weight.html", read_on="2026-11-20")
_BEDROCK = Source(url=f"{_GUIDE}rft-prepare-data.html", read_on="2026-11-20")
_NOVA = Source(url="https://docs.aws.amazon.com/sagemaker/latest/dg/nova-data-prep-rft-2.html", read_on="2026-11-20")
_FORGE = Source(url="https://github.com/aws/nova-forge-sdk (rft_dataset_validator.py)", read_on="2026-11-20")
_CHAT_ROLES = frozenset({"system", "user", "assistant"})

QUOTAS: dict[Target, Quota] = {
    Target.MANTLE: Quota(
        min_records=100,
        max_records=20_000,
        records_source=_OPEN_WEIGHT,
        roles=_CHAT_ROLES,
        roles_source=_OPEN_WEIGHT,
        allows_tools=False,
        tools_source=_OPEN_WEIGHT,
        requires_reference=False,
        reference_source=_OPEN_WEIGHT,
    ),
    Target.NATIVE: Quota(
        min_records=100,
        max_records=20_000,
        records_source=_BEDROCK,
        roles=_CHAT_ROLES,
        roles_source=_BEDROCK,
        allows_tools=False,
        tools_source=_BEDROCK,
        requires_reference=True,
        reference_source=_BEDROCK,
    ),
    Target.SAGEMAKER: Quota(
        min_records=100,
        max_records=20_000,
        records_source=_FORGE,
        roles=_CHAT_ROLES | {"tool", "bot", "developer"},
        roles_source=_FORGE,
        allows_tools=True,
        tools_source=_NOVA,
        requires_reference=True,
        reference_source=_NOVA,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What every one of several targets takes: the strictest of each limit."""

    targets: tuple[Target, ...]
    min_records: int
    max_records: int
    roles: frozenset[str]
    allows_tools: bool
    requires_reference: bool
    max_prompt_tokens: int | None

    @classmethod
    def of(cls, targets: Iterable[Target], *, max_prompt_tokens: int | None = None) -> Requirements:
        """The joint requirements of ``targets``; ``max_prompt_tokens`` adds a limit of the user's own."""
        wanted = tuple(dict.fromkeys(targets)) or (Target.MANTLE,)
        quotas = [QUOTAS[target] for target in wanted]
        limits = [quota.max_prompt_tokens for quota in quotas if quota.max_prompt_tokens is not None]
        if max_prompt_tokens is not None:
            limits.append(max_prompt_tokens)
        return cls(
            targets=wanted,
            min_records=max(quota.min_records for quota in quotas),
            max_records=min(quota.max_records for quota in quotas),
            roles=frozenset.intersection(*(quota.roles for quota in quotas)),
            allows_tools=all(quota.allows_tools for quota in quotas),
            requires_reference=any(quota.requires_reference for quota in quotas),
            max_prompt_tokens=min(limits, default=None),
        )


def check_size(n_records: int, needs: Requirements, file: str) -> list[Finding]:
    """Findings about the number of records of a training file."""
    place = Place(file=file)
    names = ", ".join(target.value for target in needs.targets)
    if n_records < needs.min_records:
        message = f"{n_records:,} records; {names} takes at least {needs.min_records:,}."
        return [finding_at(place, "too-few-records", message)]
    if n_records > needs.max_records:
        message = f"{n_records:,} records; {names} takes at most {needs.max_records:,}."
        return [finding_at(place, "too-many-records", message)]
    return []
