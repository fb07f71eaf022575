"""Graders that compare and look for text. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from airflow_provider_bedrock_rft.core.grader.library.answers import final_answer, normalise, reference_texts
from airflow_provider_bedrock_rft.core.grader.reward import Reward

TextGrader = Callable[[str], Reward]
"""A grading function of the completion alone."""

_OPTION = re.compile(
    r"^\(?\[?(?:option|choice|answer)?\s*\(?(?P<letter>[A-Z])(?:[\])}.:]|$|\s*[\u2013\u2014-]\s)", re.IGNORECASE
)
_WORD = re.compile(r"\w+")


def exact_match(completion: str, reference: object) -> float:
    """1 when the completion is a reference, character for character but for white space around it."""
    return float(completion.strip() in {text.strip() for text in reference_texts(reference)})


def normalised_match(completion: str, reference: object) -> float:
    """1 when the answer means a reference: case, width, markdown, quotes and final marks do not count."""
    answer = final_answer(completion)
    expected = {normalise(final_answer(text) or text) for text in reference_texts(reference)}
    return float(answer is not None and normalise(answer) in expected)


def multiple_choice(completion: str, reference: object) -> float:
    """1 when the answer names the reference's letter: ``B``, ``(b)``, ``B) Nairobi``, ``Option B``."""
    answer = final_answer(completion)
    expected = {letter for text in reference_texts(reference) if (letter := option_letter(final_answer(text) or ""))}
    return float(answer is not None and option_letter(answer) in expected)


def option_letter(answer: str) -> str:
    """The upper-case letter of the option an answer begins with; empty without one."""
    found = _OPTION.match(answer.replace("*", "").replace("`", "").strip(" \t\"'$").removesuffix("."))
    return found["letter"].upper() if found else ""


def regex_match(pattern: str, *, whole: bool = True) -> TextGrader:
    """A grader of form: 1 when the answer (all of it, unless not ``whole``) matches ``pattern``."""
    compiled = re.compile(pattern)

    def grade(completion: str) -> Reward:
        text = completion.strip()
        return Reward(float(bool(compiled.fullmatch(text) if whole else compiled.search(text))))

    return grade


def length_within(*, max_words: int, min_words: int = 1) -> TextGrader:
    """A grader of length: 1 within the bounds, falling to 0 at twice the upper one."""

    def grade(completion: str) -> Reward:
        n_words = len(completion.split())
        over = max(0.0, n_words / max_words - 1.0)
        value = 0.0 if n_words < min_words else max(0.0, 1.0 - over)
        return Reward(value, metrics={"n_words": float(n_words)})

    return grade


def citation_required(pattern: str, *, known: Collection[str] = (), max_citations: int = 5) -> TextGrader:
    """A grader of sources: the share of citations that are ``known``; 0 without one, or with more than is credible.

    Args:
        pattern: A citation; its first group, or all of it, is looked up.
        known: Citations that exist; empty accepts every one of the right form.
        max_citations: More distinct ones are spraying.
    """
    compiled, accepted = re.compile(pattern), {normalise(name) for name in known}

    def grade(completion: str) -> Reward:
        cited = {normalise(found[1] if compiled.groups else found[0]) for found in compiled.finditer(completion)}
        if not cited or len(cited) > max_citations:
            return Reward(0.0, metrics={"n_citations": float(len(cited))})
        n_known = len(cited & accepted) if accepted else len(cited)
        return Reward(n_known / len(cited), metrics={"n_citations": float(len(cited))})

    return grade


def mentions_terms(terms: Collection[str], *, max_words: int = 400) -> TextGrader:
    """A grader of contents: the share of ``terms`` that occur, in a text with sentences around them.

    A bare list of the terms earns nothing: at least three other words per term found are wanted.
    """
    wanted = {term: _WORD.findall(term.casefold()) for term in terms}

    def grade(completion: str) -> Reward:
        words = _WORD.findall(completion.casefold())
        spaced = f" {' '.join(words)} "
        found = [term for term, parts in wanted.items() if f" {' '.join(parts)} " in spaced]
        n_others = len(words) - sum(len(wanted[term]) for term in found)
        is_text = n_others >= 3 * len(found) and len(words) <= max_words and len(set(words)) * 4 >= len(words)
        return Reward(len(found) / len(wanted) if wanted and is_text else 0.0, metrics={"n_terms": float(len(found))})

    return grade
