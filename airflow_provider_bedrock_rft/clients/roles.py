"""IAM and STS over boto3, as far as the roles of graders and jobs need them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.translate import translated
from airflow_provider_bedrock_rft.core.errors import ResourceConflict, ResourceNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INLINE_POLICY = "rft-access"
_DESCRIPTION = "For reinforcement fine-tuning; made by airflow-provider-bedrock-rft."


class IamRoles:
    """The ``RoleService`` of AWS. Every call writes the whole wish, so that repeating it is harmless."""

    def __init__(self, iam: Any, sts: Any) -> None:  # noqa: ANN401 -- boto3's types
        self._iam = iam
        self._sts = sts

    def account_id(self) -> str:
        """The twelve digits of the caller's account."""
        with translated("Ask who is calling"):
            return str(self._sts.get_caller_identity()["Account"])

    def ensure_role(
        self,
        name: str,
        *,
        trusted_service: str,
        policy: Mapping[str, object],
        managed_policies: Sequence[str],
        source_account: str = "",
    ) -> str:
        """Create the role or bring it up to date; returns its ARN."""
        trust = json.dumps(_trust_of(trusted_service, source_account))
        arn = self._find(name)
        if arn is None:
            arn = self._create(name, trust)
        else:
            with translated(f"Update who may assume the role {name}"):
                self._iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        for managed in managed_policies:
            with translated(f"Attach {managed} to the role {name}"):
                self._iam.attach_role_policy(RoleName=name, PolicyArn=managed)
        self._put_inline(name, policy)
        return arn

    def _find(self, name: str) -> str | None:
        try:
            with translated(f"Read the role {name}"):
                return str(self._iam.get_role(RoleName=name)["Role"]["Arn"])
        except ResourceNotFound:
            return None

    def _create(self, name: str, trust: str) -> str:
        try:
            with translated(f"Create the role {name}"):
                made = self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Description=_DESCRIPTION)
            return str(made["Role"]["Arn"])
        except ResourceConflict:
            arn = self._find(name)  # made by another deployment in between
            if arn is None:
                raise
            return arn

    def _put_inline(self, name: str, policy: Mapping[str, object]) -> None:
        if policy:
            with translated(f"Write the policy of the role {name}"):
                self._iam.put_role_policy(
                    RoleName=name, PolicyName=INLINE_POLICY, PolicyDocument=json.dumps(policy, sort_keys=True)
                )
            return
        try:
            with translated(f"Remove the policy of the role {name}"):
                self._iam.delete_role_policy(RoleName=name, PolicyName=INLINE_POLICY)
        except ResourceNotFound:
            pass


def _trust_of(service: str, source_account: str) -> Mapping[str, object]:
    statement: dict[str, object] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if source_account:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": source_account}}
    return {"Version": "2012-10-17", "Statement": [statement]}
