"""A service acting in the name of a user's role: what it may not do, it is told in the words of IAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_bedrock_rft.emulator.aws import policies
from airflow_provider_bedrock_rft.emulator.aws.refused import AccessRefused


@dataclass(frozen=True, slots=True)
class ServiceRole:
    """A role that a service has assumed; ``session`` names the service in refusals."""

    role: Any
    session: str
    context: policies.Context

    def require(self, action: str, resource: str, **context: str) -> None:
        """Nothing, if the role allows the action; ``context`` has the request's own condition keys.

        Raises:
            AccessRefused: it does not.
        """
        if not policies.allows([self.role], action, resource, {**self.context, **context}):
            arn = self.role.arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
            raise AccessRefused(
                f"User: {arn}/{self.session} is not authorized to perform: {action} on resource: {resource} "
                f"because no identity-based policy allows the {action} action"
            )


def assume(role_arn: str, *, service: str, account: str, source_arn: str) -> ServiceRole:
    """The role, assumed by ``service`` for the resource ``source_arn``.

    Raises:
        AccessRefused: it does not exist, or its trust policy does not let the service assume it.
    """
    context = {"aws:SourceAccount": account, "aws:SourceArn": source_arn}
    role = policies.find_role(role_arn)
    if role is None:
        raise AccessRefused(f"Could not assume the role {role_arn}: it does not exist.")
    if not policies.trusts(role, service, context):
        raise AccessRefused(
            f"Could not assume the role {role_arn}: its trust policy does not allow {service} to perform "
            f"sts:AssumeRole for {source_arn}."
        )
    return ServiceRole(role, service.partition(".")[0], context)
