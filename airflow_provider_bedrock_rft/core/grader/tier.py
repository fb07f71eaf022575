"""Where a grader will train, and what that place asks of its Lambda."""

from __future__ import annotations

import re
from enum import Enum

from airflow_provider_bedrock_rft.core.errors import InvalidGrader, InvalidIdentifier
from airflow_provider_bedrock_rft.core.identifiers import LambdaArn


class Tier(str, Enum):
    """A place where RFT runs."""

    BEDROCK = "bedrock"
    SAGEMAKER = "sagemaker"
    HYPERPOD = "hyperpod"


MAX_TIMEOUT_SECONDS = 900
MEMORY_MB = range(128, 10_241)
CONCURRENCY = {Tier.SAGEMAKER: 12, Tier.HYPERPOD: 100}
"""How many calls a tier makes at once; Bedrock does not say."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_function_name(name: str, tier: Tier) -> None:
    """Refuse a function name that the tier would refuse later, after the job has started.

    Raises:
        InvalidIdentifier: It is no Lambda name, or misses ``SageMaker`` where HyperPod wants it.
    """
    if not _NAME.fullmatch(name):
        raise InvalidIdentifier(
            f"{name!r} is no Lambda function name.", action="Use 1 to 64 letters, digits, '-' and '_'."
        )
    if tier is Tier.HYPERPOD and "SageMaker" not in name:
        raise InvalidIdentifier(
            f"HyperPod calls only graders with 'SageMaker' in their name; {name!r} has it not.",
            action=f"Name it {name}-SageMaker.",
        )


def check_limits(*, timeout_seconds: int, memory_mb: int, reserved_concurrency: int, tier: Tier) -> None:
    """Refuse what Lambda would refuse, and a reservation by which the tier's calls would be throttled.

    Raises:
        InvalidGrader: A limit is not kept.
    """
    if not 1 <= timeout_seconds <= MAX_TIMEOUT_SECONDS:
        raise InvalidGrader(f"timeout_seconds is {timeout_seconds}; Lambda takes 1 to {MAX_TIMEOUT_SECONDS}.")
    if memory_mb not in MEMORY_MB:
        raise InvalidGrader(f"memory_mb is {memory_mb}; Lambda takes {MEMORY_MB.start} to {MEMORY_MB[-1]}.")
    wanted = CONCURRENCY.get(tier, 1)
    if reserved_concurrency < 0 or 0 < reserved_concurrency < wanted:
        raise InvalidGrader(
            f"reserved_concurrency is {reserved_concurrency}; {tier.value} calls up to {wanted} at once.",
            action=f"Reserve {wanted} or more, or nothing (0).",
        )


def require_pinned(arn: str, *, allow_unpinned: bool = False) -> LambdaArn:
    """The grader's ARN, refused when what it names could change under a running job.

    Raises:
        InvalidIdentifier: It is no Lambda ARN.
        InvalidGrader: It is unqualified, ``$LATEST`` or an alias, and that was not asked for.
    """
    parsed = LambdaArn.parse(arn)
    if not parsed.is_immutable and not allow_unpinned:
        raise InvalidGrader(
            f"The grader {arn} is not pinned: it could be swapped under the running job.",
            action="Give the ARN of a published version (…:function:name:7), which deploying the grader returns.",
        )
    return parsed
