"""The role that the native plane assumes for a job: made to measure where none is given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_bedrock_rft.core.clock import Deadline
from airflow_provider_bedrock_rft.core.errors import AccessDenied, RequestRejected
from airflow_provider_bedrock_rft.core.job.role import TRAINING_SERVICE, training_role_name, training_role_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.job.spec import JobSpec
    from airflow_provider_bedrock_rft.core.ports import RoleService

T = TypeVar("T")

ROLE_PROPAGATION_SECONDS = 30.0
"""How long a role that was just made may be unknown to Bedrock."""

PAUSE_SECONDS = 5.0


def with_role(roles: RoleService, spec: JobSpec) -> JobSpec:
    """The spec with a role that only Bedrock, only for this account, can assume, and that may do what the job needs."""
    policy = training_role_policy(spec)
    arn = roles.ensure_role(
        training_role_name(policy),
        trusted_service=TRAINING_SERVICE,
        policy=policy,
        managed_policies=(),
        source_account=roles.account_id(),
    )
    return replace(spec, role_arn=arn)


def insist_while_role_is_new(action: Callable[[], T], *, clock: Clock) -> T:
    """Repeat what is refused, for as long as the reason may be that a new role has not arrived everywhere."""
    deadline = Deadline.after(clock, ROLE_PROPAGATION_SECONDS)
    while True:
        try:
            return action()
        except (RequestRejected, AccessDenied):
            if deadline.has_passed(clock):
                raise
        clock.sleep(PAUSE_SECONDS)
