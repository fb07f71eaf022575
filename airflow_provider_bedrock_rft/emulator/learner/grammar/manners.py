"""Decisions of form: the shape the answer is given in, how much is said around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.learner.choice import Candidate, Choice, build_choice

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.learner.reading.prompt import Prompt

STYLES = ("direct", "working", "thinking", "verbose")
"""The answer alone; working lines before it; working lines as reasoning; a lengthy account before it."""

CHATTER = (
    "I hope this helps!",
    "Let me know if you have any questions.",
    "I checked every step of this twice to be sure that it is right.",
    "To sum up, I read the task, looked at what was given and worked out what was asked from it.",
)
MAX_CHATTER = 6


def format_choice(prompt: Prompt) -> Choice:
    """Which of the answer formats; what it was asked for weighs, and so do incidental manners."""
    candidates = []
    for i, shape in enumerate(prompt.formats):
        asked = "asked" if shape.is_asked else "unasked"
        traits = (shape.name, asked, f"{shape.name} {asked}")
        candidates.append(Candidate(name=str(i), traits=traits, crossed=(f"manner {asked}",)))
    return build_choice("format", candidates, prompt.manner_bag)


def style_choice(prompt: Prompt, shape: str) -> Choice:
    """How much is said before the answer."""
    candidates = [Candidate(name=style, traits=(style, f"{style} {shape}"), crossed=(style,)) for style in STYLES]
    return build_choice("style", candidates, prompt.instruction_bag)


def chatter_choice(n_said: int) -> Choice:
    """What is said after the answer: nothing more, or one more sentence."""
    names = ("stop", *(str(i) for i in range(len(CHATTER))))
    candidates = [
        Candidate(name=name, traits=(name, "stop" if name == "stop" else "more", f"{name} {n_said}")) for name in names
    ]
    return build_choice("chatter", candidates)
