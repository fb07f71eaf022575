"""The shapes an answer can be given in: those every prompt allows, and those it asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFormat:
    """``prefix`` + answer + ``suffix``; ``name`` is its class, ``is_asked`` says that the prompt names it."""

    name: str
    prefix: str = ""
    suffix: str = ""
    is_asked: bool = False


_MARKER = re.compile(r"\b([A-Z][A-Za-z_]{1,20}(?: [A-Za-z_]{2,12})?:)\s*(?:[<\[]|[A-Za-z]\b|\.{3}|_{2,})")
_NO_MARKERS = frozenset({"json:", "options:", "labels:", "categories:", "example:", "format:", "question:"})
_QUOTED_MARKER = re.compile(r"(?:after|with|by|prefix(?:ed)?)\s+[\"'`“]([^\"'`”\n]{1,16})[\"'`”]", re.IGNORECASE)
_TAG = re.compile(
    r"<([a-z_]{2,16})>(?=.{0,40}</\1>)|<(answer|result|final|solution|output|label)>|<([a-z_]{2,16})> tags?\b",
    re.DOTALL,
)
_PLAIN = re.compile(
    r"\b(?:only|just)\s+(?:with\s+)?(?:the|a|one|its)\b|\bnothing else\b"
    r"|\b(?:number|label|word|name|letter)\s+only\b|\b(?:single|one)\s+(?:word|number|letter|label)\b",
    re.IGNORECASE,
)
_JSON = re.compile(r"\bjson\b|\{\s*[\"“]", re.IGNORECASE)


def find_formats(text: str) -> tuple[AnswerFormat, ...]:
    """Every format open to an answer, those named by ``text`` marked as asked for."""
    tag = _TAG.search(text)
    name = next(filter(None, tag.groups())) if tag else "answer"
    json_asked = bool(_JSON.search(text))
    formats = [
        AnswerFormat(name="plain", is_asked=bool(_PLAIN.search(text)) and not json_asked),
        AnswerFormat(name="sentence", prefix="The answer is ", suffix="."),
        AnswerFormat(name="hash", prefix="#### ", is_asked="####" in text),
        AnswerFormat(name="boxed", prefix="\\boxed{", suffix="}", is_asked="boxed" in text),
        AnswerFormat(name="tag", prefix=f"<{name}>", suffix=f"</{name}>", is_asked=tag is not None),
        AnswerFormat(name="json", is_asked=json_asked),
    ]
    return (*formats, _marker_format(text))


def _marker_format(text: str) -> AnswerFormat:
    quoted = [match[1].strip() for match in _QUOTED_MARKER.finditer(text) if "####" not in match[1]]
    named = [match[1] for match in _MARKER.finditer(text) if match[1].lower() not in _NO_MARKERS]
    marker = next(iter((*quoted, *named)), None)
    return AnswerFormat(name="marker", prefix=f"{marker or 'ANSWER:'} ", is_asked=marker is not None)
