"""Decisions of a calculation: which number next, and what to do with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.learner.choice import Candidate, Choice, build_choice
from airflow_provider_bedrock_rft.emulator.learner.grammar.arithmetic import (
    LARGEST,
    MAX_OPERATIONS,
    OPERATORS,
    Working,
    apply,
    extend,
    extend_by_product,
    is_whole,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.emulator.learner.grammar.deciding import Decider
    from airflow_provider_bedrock_rft.emulator.learner.reading.prompt import Prompt
    from airflow_provider_bedrock_rft.emulator.learner.reading.quantities import Quantity

STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a calculation stands: the operands taken (``q0``, ``c7``), the operators between them, the working."""

    operands: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    working: Working = field(default_factory=Working)

    @property
    def key(self) -> tuple[str, ...]:
        """What has been decided so far."""
        return (*self.operands, *self.operators)


def calculate(prompt: Prompt, decider: Decider) -> Working:
    """Decide a calculation over the prompt's numbers; it has at least one."""
    first = decider.decide(("operand",), partial(operand_choice, prompt, Progress()))
    progress = Progress(operands=(first,), working=Working(value=operand_value(prompt, first)))
    for _ in range(MAX_OPERATIONS):
        name = decider.decide(("operand", progress.key), partial(operand_choice, prompt, progress))
        if name == STOP:
            break
        operator = decider.decide(("operator", progress.key, name), partial(operator_choice, prompt, progress, name))
        progress = _advance(prompt, decider, progress, name, operator)
    return progress.working


def _advance(prompt: Prompt, decider: Decider, progress: Progress, name: str, operator: str) -> Progress:
    value, taken = operand_value(prompt, name), (*progress.operands, name)
    operators = (*progress.operators, operator)
    if operator not in {"+*", "-*"}:
        return Progress(operands=taken, operators=operators, working=extend(progress.working, operator, value))
    held = Progress(operands=taken, operators=operators, working=progress.working)
    other = decider.decide(("factor", held.key), partial(factor_choice, prompt, held))
    working = extend_by_product(progress.working, operator, value, operand_value(prompt, other))
    return Progress(operands=(*taken, other), operators=operators, working=working)


def operand_value(prompt: Prompt, name: str) -> float:
    """The number behind an operand's name."""
    return prompt.quantities[int(name[1:])].value if name[0] == "q" else float(name[1:])


def operand_choice(prompt: Prompt, progress: Progress) -> Choice:
    """Which number next, or stop; the first must be a number of the prompt."""
    candidates = _quantity_candidates(prompt, progress)
    if progress.operands:
        candidates = [_stop_candidate(prompt, progress), *candidates, *_constant_candidates(prompt, progress)]
    return build_choice("operand", candidates, prompt.story_bag)


def factor_choice(prompt: Prompt, progress: Progress) -> Choice:
    """The second factor of a product that is being added or taken away."""
    candidates = [*_quantity_candidates(prompt, progress), *_constant_candidates(prompt, progress)]
    return build_choice("factor", candidates, prompt.story_bag)


def unused_positions(prompt: Prompt, progress: Progress) -> list[int]:
    """The positions of numbers not yet taken, in reading order."""
    return [i for i in range(len(prompt.quantities)) if f"q{i}" not in progress.operands]


def _history(progress: Progress) -> str:
    return ",".join(progress.operators)


def _stop_candidate(prompt: Prompt, progress: Progress) -> Candidate:
    n_left, depth = min(3, len(unused_positions(prompt, progress))), len(progress.operators)
    value = progress.working.value
    look = "negative" if value < 0 else "whole" if is_whole(value) else "broken"
    traits = ["stop", f"stop left{n_left}", f"stop d{depth}", f"stop left{n_left} d{depth}", f"stop {look}"]
    return Candidate(name=STOP, traits=traits, crossed=(f"stop d{depth}", f"stop {_history(progress)}"))


def _quantity_candidates(prompt: Prompt, progress: Progress) -> list[Candidate]:
    unused = unused_positions(prompt, progress)
    return [
        Candidate(
            name=f"q{i}",
            traits=_quantity_traits(prompt, progress, i, unused),
            crossed=(f"q{i} d{len(progress.operators)}", f"q{i} {_history(progress)}"),
        )
        for i in range(len(prompt.quantities))
    ]


def _quantity_traits(prompt: Prompt, progress: Progress, i: int, unused: Sequence[int]) -> list[str]:
    quantity, depth = prompt.quantities[i], len(progress.operators)
    n_left = min(3, len(unused))
    state = "used" if i not in unused else "next" if i == unused[0] else "later"
    last = progress.operators[-1] if progress.operators else ""
    traits = [state, f"{state} d{depth}", f"{state} left{n_left}", f"{state} after {last}", f"{state} q{i}"]
    traits += [f"{state} L {word}" for word in quantity.left[:2]]
    traits += [f"{state} R {word}" for word in quantity.right[:2]]
    if quantity.is_fraction:
        traits.append(f"{state} fraction")
    if any(word in prompt.question_words for word in quantity.right[:1]):
        traits.append(f"{state} asked")
    return traits


def _constant_candidates(prompt: Prompt, progress: Progress) -> list[Candidate]:
    depth, n_left = len(progress.operators), min(3, len(unused_positions(prompt, progress)))
    return [
        Candidate(
            name=f"c{value:g}",
            traits=["constant", f"constant c{value:g}", f"constant left{n_left}"]
            + (["constant again"] if f"c{value:g}" in progress.operands else []),
            crossed=(f"c{value:g} d{depth}", f"c{value:g} {_history(progress)}"),
        )
        for value in prompt.constants
    ]


def operator_choice(prompt: Prompt, progress: Progress, name: str) -> Choice:
    """What to do with the operand ``name``: the operators that have a sensible result."""
    candidates = [
        _operator_candidate(prompt, progress, name, operator)
        for operator in OPERATORS
        if _is_possible(prompt, progress, name, operator)
    ]
    return build_choice("operator", candidates, prompt.story_bag)


def _is_possible(prompt: Prompt, progress: Progress, name: str, operator: str) -> bool:
    operand = operand_value(prompt, name)
    if operator in {"off", "up"} and not 0.0 < operand < 1.0:
        return False
    if operator in {"+*", "-*"} and not [i for i in unused_positions(prompt, progress) if f"q{i}" != name]:
        return False
    return operator in {"+", "-"} or abs(apply(operator, progress.working.value, operand)) <= LARGEST


def _outcome(operator: str, progress: Progress, operand: float) -> str:
    if operator in {"+*", "-*"}:
        return "product"
    value = apply(operator, progress.working.value, operand)
    if value < 0:
        return "negative"
    if not is_whole(value):
        return "broken"
    return "small" if value < 2 else "large" if value > 20_000 else "fine"


def _operator_candidate(prompt: Prompt, progress: Progress, name: str, operator: str) -> Candidate:
    depth, operand = len(progress.operators), operand_value(prompt, name)
    outcome = _outcome(operator, progress, operand)
    state = "again" if name in progress.operands else "constant" if name[0] == "c" else "new"
    last = progress.operators[-1] if progress.operators else ""
    traits = [
        operator,
        f"{operator} d{depth}",
        f"{operator} after {last}",
        f"{operator} {state}",
        f"outcome {outcome}",
        f"{operator} outcome {outcome}",
        *_neighbours(prompt, name, operator),
    ]
    crossed = (f"{operator} d{depth}", f"{operator} {name} {_history(progress)}")
    return Candidate(name=operator, traits=traits, crossed=crossed)


def _neighbours(prompt: Prompt, name: str, operator: str) -> list[str]:
    if name[0] == "c":
        return [f"{operator} {name}"]
    quantity: Quantity = prompt.quantities[int(name[1:])]
    words = [f"{operator} L {word}" for word in quantity.left[:2]]
    words += [f"{operator} R {word}" for word in quantity.right[:2]]
    return [*words, f"{operator} fraction"] if quantity.is_fraction else words


def describe_numbers(prompt: Prompt) -> str:
    """The numbers given, as a sentence."""
    return "Numbers given: " + ", ".join(plain(quantity.value) for quantity in prompt.quantities) + "."
