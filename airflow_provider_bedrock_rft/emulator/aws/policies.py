"""What a role of the mounted IAM may do: its inline and managed policies, evaluated as IAM documents it.

The mounted implementation has an evaluator, but it denies where the condition of an allowing statement is not met, and
reads ARNs as regular expressions. Permission boundaries, resource policies and service control policies are not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from moto.backends import get_backend

Statement = Mapping[str, Any]
Context = Mapping[str, str]


def find_role(arn: str) -> Any | None:  # noqa: ANN401 -- moto's own
    """The role with this ARN, if it exists."""
    account = arn.split(":")[4]
    backends = get_backend("iam")
    if account not in backends:
        return None
    return next((role for role in list(backends[account]["aws"].roles.values()) if role.arn == arn), None)


def trusts(role: Any, service: str, context: Context) -> bool:  # noqa: ANN401 -- moto's own
    """True when the role may be assumed by a service on behalf of what ``context`` names."""
    statements = [statement for statement in trust_statements(role) if service in principals(statement, "Service")]
    return _verdict(statements, context)


def trust_statements(role: Any) -> list[Statement]:  # noqa: ANN401 -- moto's own
    """The statements of a role's trust policy that are about assuming it."""
    return [
        statement
        for statement in _statements(role.assume_role_policy_document)
        if any(_matches(pattern, "sts:AssumeRole", ignore_case=True) for pattern in _listed(statement.get("Action")))
    ]


def principals(statement: Statement, kind: str) -> list[str]:
    """Whom a statement names, of one kind (AWS or Service); a bare star names everybody."""
    principal = statement.get("Principal")
    if principal == "*":
        return ["*"]
    return [str(item) for item in _listed(principal.get(kind))] if isinstance(principal, dict) else []


def allows(holders: Sequence[Any], action: str, resource: str, context: Context | None = None) -> bool:
    """True when some statement of the policies of ``holders`` (a role; a user and its groups) allows the action, and
    none denies it.
    """
    statements = [
        statement
        for document in _documents(holders)
        for statement in _statements(document)
        if _concerns(statement, "Action", action, ignore_case=True) and _concerns(statement, "Resource", resource)
    ]
    return _verdict(statements, context or {})


def _documents(holders: Sequence[Any]) -> Iterator[str | Mapping[str, Any]]:
    """Inline and managed policies."""
    for holder in holders:
        yield from list(holder.policies.values())
        yield from (_document_of(policy) for policy in list(holder.managed_policies.values()))


def _verdict(statements: Iterable[Statement], context: Context) -> bool:
    effects = {statement.get("Effect") for statement in statements if holds(statement.get("Condition"), context)}
    return "Allow" in effects and "Deny" not in effects


def _document_of(policy: Any) -> str:  # noqa: ANN401 -- moto's own
    return str(next(version.document for version in policy.versions if version.is_default))


def _statements(document: str | Mapping[str, Any]) -> Iterator[Statement]:
    text = document if isinstance(document, str) else json.dumps(document)
    policy = json.loads(text if text.lstrip().startswith("{") else unquote(text))
    yield from (item for item in _listed(policy.get("Statement")) if isinstance(item, dict))


def _concerns(statement: Statement, element: str, value: str, *, ignore_case: bool = False) -> bool:
    if f"Not{element}" in statement:
        return not any(
            _matches(pattern, value, ignore_case=ignore_case) for pattern in _listed(statement[f"Not{element}"])
        )
    return any(_matches(pattern, value, ignore_case=ignore_case) for pattern in _listed(statement.get(element)))


def holds(conditions: Mapping[str, Mapping[str, Any]] | None, context: Context) -> bool:
    """True when all conditions are met; an operator that is not known never is."""
    return all(
        _is_met(operator, {name.lower(): value for name, value in context.items()}.get(key.lower()), _listed(wanted))
        for operator, keys in (conditions or {}).items()
        for key, wanted in keys.items()
    )


def _is_met(operator: str, actual: str | None, wanted: list[Any]) -> bool:
    name = operator.removesuffix("IfExists")
    if actual is None:
        return name != operator
    match name:
        case "StringEquals" | "ArnEquals":
            return any(str(item) == actual or (name == "ArnEquals" and _matches(item, actual)) for item in wanted)
        case "StringLike" | "ArnLike":
            return any(_matches(item, actual) for item in wanted)
        case "StringNotEquals" | "ArnNotEquals":
            return all(str(item) != actual for item in wanted)
        case _:
            return False


def _matches(pattern: object, value: str, *, ignore_case: bool = False) -> bool:
    expression = re.escape(str(pattern)).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 -- a value or a list of them, as policies are written
    return [] if value is None else value if isinstance(value, list) else [value]
