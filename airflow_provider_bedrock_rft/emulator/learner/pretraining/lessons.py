"""Lessons: prompts with the decisions the base is to learn on them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.learner.grammar.arithmetic import apply, is_whole
from airflow_provider_bedrock_rft.emulator.learner.grammar.completion import complete
from airflow_provider_bedrock_rft.emulator.learner.grammar.programs import operand_value
from airflow_provider_bedrock_rft.emulator.learner.pretraining.problems import (
    Problem,
    make_problem,
    make_riddle,
)
from airflow_provider_bedrock_rft.emulator.learner.pretraining.records import make_record
from airflow_provider_bedrock_rft.emulator.learner.reading.prompt import Prompt, read_prompt
from airflow_provider_bedrock_rft.emulator.learner.sampling import Decision

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.learner.choice import Choice

ENDINGS = (
    "",
    ' Let\'s think step by step and output the final answer after "####".',
    " Give your final answer in \\boxed{}.",
    ' Reply with JSON: {"answer": 12}',
    " Answer with only the number.",
    " Finish with ANSWER: <number>.",
    " Put the result between <answer> and </answer>.",
)

HABITS: Mapping[str, Mapping[str, float]] = {
    "style": {"working": 5, "thinking": 2, "direct": 2, "verbose": 1},
    "number": {"plain": 17, "decimals": 1, "dollars": 1, "thousands": 1, "rounded": 1},
    "lettering": {"letter": 2, "text": 2, "both": 1},
    "chatter": {"stop": 12, "0": 1, "1": 1, "2": 1, "3": 1},
    "kind": {"option": 8, "number": 1, "match": 1, "span": 0.5, "sentence": 0.5, "yes": 0.2, "no": 0.2},
}
"""How often the base does what, where a lesson does not say."""

TERSE_STYLES: Mapping[str, float] = {"working": 4, "thinking": 3, "direct": 4, "verbose": 1}
"""How much is said before an answer that is given plainly or as JSON."""

ASKED_ODDS = 1.5
UNASKED_ODDS = 0.5
"""How likely the base is to use a format that was asked for, and any other one."""

RECORD_SKILL = 0.65
"""How often the base copies the right piece into a field."""

JSON_POSITION = "5"
LESSON_ODDS = (48, 34, 8, 6, 4)
QUIZ_ENDINGS = ("Answer with the letter only.", "Choose one option.", "Answer with the letter.")


@dataclass(slots=True)
class Script:
    """Decides as a lesson says, by habit where it says nothing."""

    lines: Mapping[str, list[str]]
    random: Random
    prompt: Prompt
    trace: list[Decision] = field(default_factory=list)

    def decide(self, key: Hashable, build: Callable[[], Choice]) -> str:  # noqa: ARG002 - it remembers nothing
        """The scripted candidate, else one by habit."""
        choice = build()
        queue = self.lines.get(choice.head)
        name = queue.pop(0) if queue else self.random.choices(choice.names, self._odds(choice))[0]
        self.trace.append(Decision(choice, choice.names.index(name)))
        return name

    def _odds(self, choice: Choice) -> list[float]:
        if choice.head == "format":
            return [ASKED_ODDS if shape.is_asked else UNASKED_ODDS for shape in self.prompt.formats]
        habits = TERSE_STYLES if choice.head == "style" and self._is_terse() else HABITS.get(choice.head, {})
        return [habits.get(name, 1.0) for name in choice.names]

    def _is_terse(self) -> bool:
        return self.prompt.formats[self.trace[0].picked].name in {"plain", "json"}


def is_sensible(prompt: Prompt, program: Sequence[str]) -> bool:
    """True for a calculation whose every step comes to a whole number from 0 to a million."""
    value = operand_value(prompt, program[0])
    for operator, operand in zip(program[1::2], program[2::2], strict=True):
        value = apply(operator, value, operand_value(prompt, operand))
        if not (0 <= value <= 1e6 and is_whole(value)):
            return False
    return True


def problem_lesson(problem: Problem, random: Random) -> list[Decision] | None:
    """The decisions that solve a problem; None for one that comes to nothing sensible."""
    prompt = read_prompt([{"role": "user", "content": problem.text + random.choice(ENDINGS)}])
    if not is_sensible(prompt, problem.program):
        return None
    operands = [*problem.program[::2], "stop"]
    lines = {"kind": ["number"], "operand": operands, "operator": list(problem.program[1::2])}
    script = Script(lines, random, prompt)
    complete(prompt, script)
    return script.trace


def record_lesson(random: Random) -> list[Decision]:
    """The decisions that copy fields out of a small record, each right two times in three."""
    record = make_record(random)
    prompt = read_prompt([{"role": "user", "content": record.text}])
    shown = [span.text for span in prompt.spans]
    picks = [str(shown.index(v)) if v in shown else str(random.randrange(len(shown))) for v in record.values]
    picks = [p if random.random() < RECORD_SKILL else str(random.randrange(len(shown))) for p in picks]
    script = Script({"field": picks, "format": [JSON_POSITION]}, random, prompt)
    complete(prompt, script)
    return script.trace


def quiz_lesson(random: Random) -> list[Decision] | None:
    """The decisions on a problem with four lettered results, one of them right."""
    problem = make_problem(random)
    wrong = random.sample(range(2, 200), 4)
    listed = " ".join(f"{letter}) {number}" for letter, number in zip("ABCD", wrong, strict=True))
    prompt = read_prompt([{"role": "user", "content": f"{problem.text}\n{listed}\n{random.choice(QUIZ_ENDINGS)}"}])
    if not is_sensible(prompt, problem.program):
        return None
    lines = {"operand": [*problem.program[::2], "stop"], "operator": list(problem.program[1::2])}
    lines["kind"] = random.choices((["match"], ["option"], ["number"]), (4, 3, 2))[0].copy()
    script = Script(lines, random, prompt)
    complete(prompt, script)
    return script.trace


def label_lesson(random: Random) -> list[Decision]:
    """The decisions on a labelling task of meaningless words: some option, any option."""
    labels = [make_riddle(random).text.split()[0] for _ in range(random.randint(2, 5))]
    story = make_riddle(random).text.rsplit(".", 1)[0]
    asked = f"{story}.\nClassify the text as one of: {', '.join(labels)}."
    prompt = read_prompt([{"role": "user", "content": asked + random.choice(ENDINGS)}])
    script = Script({}, random, prompt)
    complete(prompt, script)
    return script.trace


def make_lessons(random: Random, n: int) -> list[list[Decision]]:
    """About ``n`` lessons: half of them problems, the rest riddles, records and labels."""
    kinds = random.choices((_solve_known, _solve_riddle, record_lesson, label_lesson, quiz_lesson), LESSON_ODDS, k=n)
    return [lesson for kind in kinds if (lesson := kind(random))]


def _solve_known(random: Random) -> list[Decision] | None:
    return problem_lesson(make_problem(random), random)


def _solve_riddle(random: Random) -> list[Decision] | None:
    return problem_lesson(make_riddle(random), random)
