"""SQL equivalence, on sqlglot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.grader.library.answers import reference_texts
from airflow_provider_bedrock_rft.core.grader.reward import Reward

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CHARACTERS = 20_000

_FENCED = re.compile(r"```(?:sql)?\s*(.*?)```", re.DOTALL | re.IGNORECASE)
_STATEMENT = re.compile(r"\b(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b.*", re.DOTALL | re.IGNORECASE)


def sql_equivalent(dialect: str = "") -> Callable[..., Reward]:
    """A grader: 1 when the one query in the completion means the reference's, 0.1 when it only parses, else 0.

    Meant alike are queries that sqlglot brings to one form: case, quoting, white space, aliases' ``AS``, order of
    operands, double negations and constant folding do not count. It proves no more than that.
    """

    def grade(completion: str, reference: object) -> Reward:
        wanted = {canonical_sql(text, dialect) for text in reference_texts(reference)}
        if not wanted or "" in wanted:
            raise ValueError("The reference is no SQL.")
        said = {canonical_sql(text, dialect) for text in queries_in(completion)}
        parses = len(said) == 1 and "" not in said
        is_right = parses and said <= wanted
        return Reward(1.0 if is_right else 0.1 * parses, components={"parses": float(parses), "right": float(is_right)})

    return grade


def queries_in(completion: str) -> list[str]:
    """The queries in a completion: every fenced block, or else everything from the first verb of SQL on."""
    text = completion[:MAX_CHARACTERS]
    blocks = [block for block in _FENCED.findall(text) if _STATEMENT.search(block)]
    return blocks or [found.group() for found in [_STATEMENT.search(text)] if found]


def canonical_sql(text: str, dialect: str = "") -> str:
    """The one form of a query; empty when it does not parse, or is several statements."""
    import sqlglot  # noqa: PLC0415 -- only graders that use it have it
    from sqlglot.optimizer.normalize_identifiers import normalize_identifiers  # noqa: PLC0415
    from sqlglot.optimizer.simplify import simplify  # noqa: PLC0415

    try:
        statements = [parsed for parsed in sqlglot.parse(text, dialect=dialect or None) if parsed is not None]
        if len(statements) != 1:
            return ""
        tree = simplify(normalize_identifiers(statements[0], dialect=dialect or None), dialect=dialect or None)
        tree = tree.transform(_sort_operands)
        canonical: str = tree.sql(dialect=dialect or None, normalize=True, comments=False, identify=True)
    except (sqlglot.errors.SqlglotError, RecursionError):
        return ""
    return canonical


def _sort_operands(node: object) -> object:
    from sqlglot import exp  # noqa: PLC0415

    if isinstance(node, exp.And | exp.Or) and not isinstance(node.parent, type(node)):
        operands = sorted(node.flatten(), key=lambda operand: str(operand.sql()))
        join = exp.and_ if isinstance(node, exp.And) else exp.or_
        return join(*operands, copy=True)
    if isinstance(node, exp.EQ | exp.NEQ | exp.Add | exp.Mul):
        left, right = sorted((node.left, node.right), key=lambda operand: str(operand.sql()))
        return type(node)(this=left.copy(), expression=right.copy())
    return node
