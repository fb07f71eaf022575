"""What the caller of a request may do: the policies of a user and of its groups, or of the role behind a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from airflow_provider_bedrock_rft.emulator.aws import policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.emulator.aws.policies import Context


def is_allowed(principal_arn: str, action: str, resource: str, context: Context) -> bool:
    """True when the principal's own policies allow the action and none denies it; an account's root may do anything."""
    if principal_arn.endswith(":root"):
        return True
    return policies.allows(list(_holders(principal_arn)), action, resource, context)


def refusal_of(principal_arn: str, action: str, resource: str) -> str:
    """A refusal in the words of IAM."""
    return (
        f"User: {principal_arn} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


def may_assume(principal_arn: str, role: Any) -> bool:  # noqa: ANN401 -- moto's own
    """True when the role's trust policy names the caller, or its account, which in turn allows the caller to."""
    account = principal_arn.split(":")[4]
    names = {principal_arn, _role_arn(principal_arn)}
    whole_account = {account, f"arn:aws:iam::{account}:root"}
    direct, delegated = False, False
    for statement in policies.trust_statements(role):
        trusted = set(policies.principals(statement, "AWS"))
        if not policies.holds(statement.get("Condition"), {"aws:PrincipalArn": _role_arn(principal_arn)}):
            continue
        is_named = bool(trusted & names) or "*" in trusted
        is_account = bool(trusted & whole_account)
        if statement.get("Effect") == "Deny" and (is_named or is_account):
            return False
        direct, delegated = direct or is_named, delegated or is_account
    return direct or (delegated and is_allowed(principal_arn, "sts:AssumeRole", role.arn, {}))


def _holders(principal_arn: str) -> Iterator[Any]:
    """The user and its groups, or the role of a session; nothing for a principal that is gone."""
    account, resource = principal_arn.split(":")[4:6]
    iam = get_backend("iam")[account]["aws"]
    kind, _, rest = resource.partition("/")
    if kind == "assumed-role":
        yield from (role for role in list(iam.roles.values()) if role.name == rest.partition("/")[0])
    elif kind == "user" and (user := iam.users.get(rest.rpartition("/")[2])) is not None:
        yield user
        yield from (group for group in list(iam.groups.values()) if user in group.users)


def _role_arn(principal_arn: str) -> str:
    """The role behind a session; other principals are themselves."""
    if ":assumed-role/" not in principal_arn:
        return principal_arn
    account, resource = principal_arn.split(":")[4:6]
    return f"arn:aws:iam::{account}:role/{resource.split('/')[1]}"
