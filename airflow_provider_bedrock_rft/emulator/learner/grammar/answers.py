"""Decisions of an answer's content: a number, an option, a copied piece, a sentence, or the fields of an object."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.learner.choice import Candidate, Choice, build_choice
from airflow_provider_bedrock_rft.emulator.learner.grammar.arithmetic import Working, is_whole, render_number
from airflow_provider_bedrock_rft.emulator.learner.grammar.programs import calculate
from airflow_provider_bedrock_rft.emulator.learner.reading.fields import ANSWER_KEYS, WORKING_KEYS, Field
from airflow_provider_bedrock_rft.emulator.learner.reading.spans import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.emulator.learner.grammar.deciding import Decider
    from airflow_provider_bedrock_rft.emulator.learner.reading.options import Option
    from airflow_provider_bedrock_rft.emulator.learner.reading.prompt import Prompt

Scalar = str | int | float | bool | None

_FIGURE = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer: as ``text``, as a JSON ``value``, and the working that led to it."""

    text: str
    value: Scalar
    lines: tuple[str, ...] = ()


def decide_answer(prompt: Prompt, decider: Decider) -> Answer:
    """Decide what kind of answer to give, and give it."""
    kind = decider.decide(("kind",), partial(kind_choice, prompt))
    match kind:
        case "number":
            return _number_answer(prompt, decider)
        case "match":
            return _match_answer(prompt, decider)
        case "option":
            name = decider.decide(("option",), partial(option_choice, prompt))
            return _option_answer(prompt, decider, prompt.options[int(name)])
        case "span":
            name = decider.decide(("span",), partial(span_choice, prompt))
            return _span_answer(prompt.spans[int(name)])
        case "sentence":
            name = decider.decide(("sentence",), partial(sentence_choice, prompt))
            return Answer(text=prompt.story[int(name)], value=prompt.story[int(name)])
        case _:
            return Answer(text=kind, value=kind == "yes")


def kind_choice(prompt: Prompt) -> Choice:
    """The kinds of answer the prompt has material for; yes and no are always there."""
    kinds = ["yes", "no"]
    if prompt.quantities:
        kinds.append("number")
    if prompt.options:
        kinds.append("option")
    if prompt.quantities and any(_FIGURE.search(option.text) for option in prompt.options):
        kinds.append("match")
    if prompt.spans:
        kinds.append("span")
    if prompt.story:
        kinds.append("sentence")
    given = _given(prompt, kinds)
    candidates = [Candidate(name=k, traits=(k, f"{k} given {given}"), crossed=(k,)) for k in kinds]
    return build_choice("kind", candidates, prompt.question_bag)


def _given(prompt: Prompt, kinds: Sequence[str]) -> str:
    if "match" in kinds:
        return "figures to choose from"
    return "options" if prompt.options else "numbers" if prompt.quantities else "words"


def _number_answer(prompt: Prompt, decider: Decider) -> Answer:
    working = calculate(prompt, decider)
    key = ("number", is_whole(working.value), abs(working.value) >= 1000)
    manner = decider.decide(key, partial(number_choice, prompt, working))
    value = round(working.value) if is_whole(working.value) else round(working.value, 4)
    return Answer(text=render_number(working.value, manner), value=value, lines=working.lines)


def number_choice(prompt: Prompt, working: Working) -> Choice:
    """How to write the number."""
    look = "whole" if is_whole(working.value) else "broken"
    manners = ["plain", "decimals", "dollars"]
    manners += [] if look == "whole" else ["rounded"]
    manners += ["thousands"] if abs(working.value) >= 1000 else []
    candidates = [Candidate(name=m, traits=(m, f"{m} {look}"), crossed=(m,)) for m in manners]
    return build_choice("number", candidates, prompt.instruction_bag)


def _match_answer(prompt: Prompt, decider: Decider) -> Answer:
    working = calculate(prompt, decider)
    nearest = min(prompt.options, key=lambda option: _distance(option, working.value))
    answer = _option_answer(prompt, decider, nearest)
    return Answer(text=answer.text, value=answer.value, lines=working.lines)


def _distance(option: Option, value: float) -> float:
    figure = _FIGURE.search(option.text)
    return abs(float(figure[0].replace(",", "")) - value) if figure else float("inf")


def option_choice(prompt: Prompt) -> Choice:
    """Which of the listed options."""
    return labels_choice("option", [option.text for option in prompt.options], prompt)


def labels_choice(head: str, labels: Sequence[str], prompt: Prompt) -> Choice:
    """One of several labels, told apart by the words of the story."""
    story = " ".join(prompt.story).lower()
    candidates = [
        Candidate(
            name=str(i),
            traits=(f"label {label.lower()}", f"position {i}", f"mentioned {label.lower() in story}"),
            crossed=(f"label {label.lower()}",),
        )
        for i, label in enumerate(labels)
    ]
    return build_choice(head, candidates, prompt.story_bag)


def _option_answer(prompt: Prompt, decider: Decider, option: Option) -> Answer:
    if not option.letter:
        return Answer(text=option.text, value=option.text)
    shape = decider.decide(("lettering",), partial(lettering_choice, prompt))
    shown = {"letter": option.letter, "text": option.text, "both": f"{option.letter}) {option.text}"}[shape]
    return Answer(text=shown, value=shown)


def lettering_choice(prompt: Prompt) -> Choice:
    """Whether a lettered option is given by its letter, its text or both."""
    candidates = [Candidate(name=shape, traits=(shape,), crossed=(shape,)) for shape in ("letter", "text", "both")]
    return build_choice("lettering", candidates, prompt.instruction_bag)


def span_choice(prompt: Prompt) -> Choice:
    """Which piece of the prompt to copy."""
    candidates = [
        Candidate(name=str(i), traits=[*_span_traits(span), f"asked {bool(set(span.left) & prompt.question_words)}"])
        for i, span in enumerate(prompt.spans)
    ]
    return build_choice("span", candidates)


def _span_traits(span: Span) -> list[str]:
    return [span.kind, *(f"L {word}" for word in span.left), *(f"R {word}" for word in span.right)]


def sentence_choice(prompt: Prompt) -> Choice:
    """Which sentence to copy."""
    n = len(prompt.story)
    candidates = [
        Candidate(
            name=str(i),
            traits=(f"from start {min(i, 9)}", f"from end {min(n - i, 9)}", f"question {sentence.endswith('?')}"),
            crossed=(f"from start {min(i, 3)}",),
        )
        for i, sentence in enumerate(prompt.story)
    ]
    return build_choice("sentence", candidates, prompt.question_bag)


def decide_field(prompt: Prompt, decider: Decider, wanted: Field) -> Answer:
    """Decide the value of one field of a JSON answer."""
    if wanted.options:
        build = partial(labels_choice, f"field {wanted.name}", wanted.options, prompt)
        name = decider.decide(("field", wanted.name), build)
        return Answer(text=wanted.options[int(name)], value=wanted.options[int(name)])
    if wanted.name.lower() in ANSWER_KEYS:
        return decide_answer(prompt, decider)
    if wanted.name.lower() in WORKING_KEYS:
        return Answer(text="", value="")
    return _filled_field(prompt, decider, wanted)


def _filled_field(prompt: Prompt, decider: Decider, wanted: Field) -> Answer:
    fillers = field_fillers(prompt, wanted)
    name = decider.decide(("field", wanted.name), partial(field_choice, wanted, fillers))
    filler = fillers[int(name)]
    if isinstance(filler, Span):
        return _span_answer(filler, as_text=wanted.kind == "text")
    return Answer(text=str(filler), value=filler)


def field_fillers(prompt: Prompt, wanted: Field) -> list[Span | Scalar]:
    """What a field can be filled with, fitting the kind its template shows."""
    if wanted.kind == "flag":
        return [True, False]
    spans: list[Span | Scalar] = list(prompt.spans)
    if wanted.kind == "number":
        spans = [span for span in prompt.spans if span.kind == "number"]
    elif wanted.kind in {"any", "text"}:
        spans += [option.text for option in prompt.options]
    return spans or [None]


def field_choice(wanted: Field, fillers: Sequence[Span | Scalar]) -> Choice:
    """Which filler a field gets: its kind, its neighbours, and whether the field's own name stands before it."""
    key = set(_WORD.findall(wanted.name.lower()))
    candidates = []
    for i, filler in enumerate(fillers):
        if isinstance(filler, Span):
            traits = [f"{wanted.name} {trait}" for trait in _span_traits(filler)]
            near = next((d for d, word in enumerate(filler.left) if word in key), "no")
            traits += [f"word {word} {filler.kind}" for word in sorted(key)]
            traits += [f"named {near}", f"order {min(i, 8)}", f"{wanted.name} order {min(i, 8)}", filler.kind]
        else:
            traits = [f"{wanted.name} = {filler}", "given"]
        candidates.append(Candidate(name=str(i), traits=traits))
    return build_choice("field", candidates)


def _span_answer(span: Span, *, as_text: bool = False) -> Answer:
    figure = span.text.strip("$€£%").replace(",", "")
    if as_text or span.kind != "number" or not _FIGURE.fullmatch(figure):
        return Answer(text=span.text, value=span.text)
    number = float(figure)
    return Answer(text=span.text, value=int(number) if is_whole(number) else number)
