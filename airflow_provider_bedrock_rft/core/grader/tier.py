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
