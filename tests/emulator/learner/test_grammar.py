from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.emulator.learner.grammar.arithmetic import (
    Working,
    extend,
    extend_by_product,
    render_number,
)
from airflow_provider_bedrock_rft.emulator.learner.grammar.completion import complete, count_tokens
from airflow_provider_bedrock_rft.emulator.learner.reading.prompt import Prompt, read_prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from airflow_provider_bedrock_rft.emulator.learner.choice import Choice


class Scripted:
    """Picks what it is told by head, else the first candidate; "stop" ends chatter and calculations."""

    def __init__(self, **picks: list[str]) -> None:
        self.picks: dict[str, list[str]] = defaultdict(list, picks)

    def decide(self, key: Hashable, build: Callable[[], Choice]) -> str:  # noqa: ARG002 - by head alone
        choice = build()
        queue = self.picks[choice.head]
        if queue:
            return queue.pop(0)
        return "stop" if "stop" in choice.names else choice.names[0]


def prompt(text: str) -> Prompt:
    return read_prompt([{"role": "user", "content": text}])


@pytest.mark.parametrize(
    ("operator", "operand", "value", "lines"),
    [
        ("+", 5, 25, ("20 + 5 = 25",)),
        ("-", 5, 15, ("20 - 5 = 15",)),
        ("r-", 50, 30, ("50 - 20 = 30",)),
        ("*", 0.5, 10, ("20 * 0.5 = 10",)),
        ("/", 8, 2.5, ("20 / 8 = 2.5",)),
        ("r/", 60, 3, ("60 / 20 = 3",)),
        ("off", 0.25, 15, ("20 * 0.25 = 5", "20 - 5 = 15")),
        ("up", 0.25, 25, ("20 * 0.25 = 5", "20 + 5 = 25")),
    ],
)
def test_operators(operator: str, operand: float, value: float, lines: tuple[str, ...]) -> None:
    assert extend(Working(value=20.0), operator, operand) == Working(value=value, lines=lines)


def test_a_product_is_worked_out_before_it_is_added() -> None:
    working = extend_by_product(Working(value=20.0), "+*", 3, 4)
    assert working == Working(value=32, lines=("3 * 4 = 12", "20 + 12 = 32"))


@pytest.mark.parametrize(
    ("manner", "shown"),
    [
        ("plain", "1234.5"),
        ("rounded", "1234"),
        ("decimals", "1234.50"),
        ("dollars", "$1234.5"),
        ("thousands", "1,234.50"),
    ],
)
def test_numbers_are_written_in_several_manners(manner: str, shown: str) -> None:
    assert render_number(1234.5, manner) == shown


STORY = 'Ada packs 12 crates with 7 pears per crate. How many pears? Give the answer after "####".'


def solved(**picks: list[str]) -> Scripted:
    return Scripted(kind=["number"], operand=["q0", "q1", "stop"], operator=["*"], **picks)


def test_working_stands_before_the_answer() -> None:
    completion = complete(prompt(STORY), solved(format=["2"], style=["working"]))
    assert (completion.text, completion.reasoning) == ("12 * 7 = 84\n#### 84", "")


def test_thinking_goes_to_the_reasoning() -> None:
    completion = complete(prompt(STORY), solved(format=["0"], style=["thinking"]))
    assert (completion.text, completion.reasoning) == ("84", "12 * 7 = 84")
    assert completion.n_tokens == count_tokens("84") + count_tokens("12 * 7 = 84")


def test_a_cut_completion_keeps_to_its_limit() -> None:
    completion = complete(prompt(STORY), solved(format=["2"], style=["working"]), max_tokens=5)
    assert completion.text == "12 * 7 = 84"
    assert completion.is_cut
    assert completion.n_tokens == 5


def test_a_json_answer_has_the_fields_asked_for() -> None:
    text = (
        'Ada packs 12 crates with 7 pears per crate. How many pears?\nReturn JSON with keys "reasoning" and "answer".'
    )
    completion = complete(prompt(text), solved(format=["5"], style=["direct"]))
    assert completion.text == '{"reasoning": "12 * 7 = 84", "answer": 84}'


def test_a_lettered_option_is_found_by_calculating() -> None:
    text = "Ada has 12 crates with 7 pears each. How many pears?\nA) 80\nB) 84\nC) 19\nAnswer with the letter."
    picks = Scripted(
        format=["0"],
        style=["direct"],
        kind=["match"],
        operand=["q0", "q1", "stop"],
        operator=["*"],
        lettering=["letter"],
    )
    assert complete(prompt(text), picks).text == "B"
