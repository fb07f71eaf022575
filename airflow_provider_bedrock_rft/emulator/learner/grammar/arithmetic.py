"""The arithmetic a completion can do: a running value, changed by one operator and operand after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_OPERATIONS = 5
LARGEST = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """The running value and the lines written on the way to it."""

    value: float = 0.0
    lines: tuple[str, ...] = ()


_RESULTS: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda value, operand: value + operand,
    "-": lambda value, operand: value - operand,
    "*": lambda value, operand: value * operand,
    "/": lambda value, operand: value / operand if operand else math.inf,
    "r-": lambda value, operand: operand - value,
    "r/": lambda value, operand: operand / value if value else math.inf,
    "off": lambda value, operand: value - value * operand,
    "up": lambda value, operand: value + value * operand,
    "+*": lambda value, product: value + product,
    "-*": lambda value, product: value - product,
}

OPERATORS = tuple(_RESULTS)
"""``r-`` and ``r/`` put the operand first; ``off`` and ``up`` take a fraction of the value away or on top; ``+*`` and
``-*`` add or take away a product of two operands."""


def apply(operator: str, value: float, operand: float) -> float:
    """The running value after one operation; infinite where it has no result."""
    return _RESULTS[operator](value, operand)


def extend(working: Working, operator: str, operand: float) -> Working:
    """The working after one more operation, which must have a finite result."""
    result = apply(operator, working.value, operand)
    lines = _lines(operator, working.value, operand, result)
    return Working(value=result, lines=(*working.lines, *lines))


def extend_by_product(working: Working, operator: str, left: float, right: float) -> Working:
    """The working after adding or taking away ``left * right``."""
    product = left * right
    line = f"{plain(left)} * {plain(right)} = {plain(product)}"
    return extend(Working(value=working.value, lines=(*working.lines, line)), operator, product)


def _lines(operator: str, value: float, operand: float, result: float) -> tuple[str, ...]:
    match operator:
        case "r-" | "r/":
            return (f"{plain(operand)} {operator[-1]} {plain(value)} = {plain(result)}",)
        case "off" | "up":
            part, sign = value * operand, "-" if operator == "off" else "+"
            first = f"{plain(value)} * {plain(operand)} = {plain(part)}"
            return (first, f"{plain(value)} {sign} {plain(part)} = {plain(result)}")
        case _:
            return (f"{plain(value)} {operator[0]} {plain(operand)} = {plain(result)}",)


def is_whole(value: float) -> bool:
    """True for an integer, up to rounding."""
    return abs(value - round(value)) < 1e-9 * max(1.0, abs(value))


def plain(value: float) -> str:
    """A number without ornament, with at most four decimals."""
    if is_whole(value):
        return str(round(value))
    return f"{value:.4f}".rstrip("0").rstrip(".")


def render_number(value: float, manner: str) -> str:
    """``value`` written plainly, rounded, with two decimals, as dollars or with thousands separated."""
    match manner:
        case "rounded":
            return str(round(value))
        case "decimals":
            return f"{value:.2f}"
        case "dollars":
            return f"${plain(value)}"
        case "thousands":
            return f"{value:,.0f}" if is_whole(value) else f"{value:,.2f}"
        case _:
            return plain(value)
