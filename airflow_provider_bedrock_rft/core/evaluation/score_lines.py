"""Files of scores, one JSON object per line, read with the name of the place for everything that is wrong."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidScores
from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores

if TYPE_CHECKING:
    from collections.abc import Iterable

CLUSTER_BY_GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFile:
    """What a file of scores says.

    Attributes:
        source: Its name.
        samples: In order of first appearance.
        completions: Sample id → its first completion's text, where lines carry texts.
        graders: Every grader named.
        labelled: Score and label of every completion that people have labelled.
    """

    source: str
    samples: tuple[SampleScores, ...]
    completions: Mapping[str, str] = field(default_factory=dict)
    graders: frozenset[str] = frozenset()
    labelled: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    place: str
    sample_id: str
    score: float
    group: str
    slices: Mapping[str, str]
    completion_tokens: float | None
    latency_ms: float | None
    prompt: str
    grader: str
    completion: str
    label: float | None


def read_score_file(lines: Iterable[str], *, source: str, cluster: str = CLUSTER_BY_GROUP) -> ScoreFile:
    """The scores in ``lines``; several lines with one ``sample_id`` are its completions.

    Args:
        lines: ``{"sample_id": str, "score": number, "group"?, "slice"?, "completion_tokens"?, "latency_ms"?,
            "label"?}`` each; further fields are ignored.
        source: Name for messages.
        cluster: ``group``, or the slice key whose values are the groups.

    Raises:
        InvalidScores: With file, line and field.
    """
    gathered: dict[str, list[_Line]] = {}
    for number, text in enumerate(lines, start=1):
        if text.strip():
            line = _parse(text, f"{source}, line {number}", cluster)
            gathered.setdefault(line.sample_id, []).append(line)
    if not gathered:
        raise InvalidScores(f"{source} holds no scores.", action="Write one JSON object per line.")
    _refuse_uneven(gathered, source)
    return ScoreFile(
        source=source,
        samples=tuple(_sample(parts) for parts in gathered.values()),
        completions={name: parts[0].completion for name, parts in gathered.items() if parts[0].completion},
        graders=frozenset(line.grader for parts in gathered.values() for line in parts if line.grader),
        labelled=tuple(
            (line.score, line.label) for parts in gathered.values() for line in parts if line.label is not None
        ),
    )


def refuse_different_graders(baseline: ScoreFile, candidate: ScoreFile) -> None:
    """Two sides that name graders must name the same one.

    Raises:
        InvalidScores: They do not.
    """
    named = baseline.graders | candidate.graders
    if len(named) > 1:
        raise InvalidScores(
            f"{baseline.source} and {candidate.source} were scored by different graders: {', '.join(sorted(named))}.",
            action="Score both sides with one version of one grader.",
        )


def _refuse_uneven(gathered: Mapping[str, list[_Line]], source: str) -> None:
    counts = Counter(len(parts) for parts in gathered.values())
    usual = max(counts, key=lambda count: (counts[count], -count))
    for name, parts in gathered.items():
        if len(parts) > usual:
            raise InvalidScores(
                f"Duplicate sample id {name!r}: {parts[-1].place} is its line no. {len(parts)}, other samples have "
                f"{usual}.",
                action="Remove the duplicate, or give every sample the same number of completions.",
                sample_id=name,
            )
        if len(parts) < usual:
            raise InvalidScores(
                f"{source}: sample {name!r} has {len(parts)} scores, other samples have {usual}.",
                action="Give every sample the same number of completions.",
                sample_id=name,
            )


def _sample(parts: list[_Line]) -> SampleScores:
    first = parts[0]
    for other in parts[1:]:
        if (other.group, other.slices, other.prompt) != (first.group, first.slices, first.prompt):
            raise InvalidScores(
                f"{other.place}: group, slice or prompt differ from the line before of sample {first.sample_id!r}.",
                action="All completions of a sample belong to the same group and slices.",
            )
    return SampleScores(
        sample_id=first.sample_id,
        scores=tuple(part.score for part in parts),
        group=first.group,
        slices=first.slices,
        completion_tokens=_mean([part.completion_tokens for part in parts]),
        latency_ms=_mean([part.latency_ms for part in parts]),
        prompt=first.prompt,
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if len(known) == len(values) else None


def _parse(text: str, place: str, cluster: str) -> _Line:
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise InvalidScores(f"{place} is not JSON: {error}.") from None
    if not isinstance(fields, dict):
        raise InvalidScores(f"{place} is not a JSON object.")
    slices = _slices(fields.get("slice"), place)
    group = _text(fields, "group", place) if cluster == CLUSTER_BY_GROUP else slices.get(cluster, "")
    if cluster != CLUSTER_BY_GROUP and not group:
        raise InvalidScores(f"{place}: there is no slice key {cluster!r} to cluster by.", field=cluster)
    sample_id = fields.get("sample_id")
    if not isinstance(sample_id, str) or not sample_id:
        raise InvalidScores(f"{place}: sample_id is {sample_id!r}, not a name.", field="sample_id")
    score = _number(fields, "score", place)
    if score is None:
        raise InvalidScores(
            f"{place}: sample {sample_id!r} has no score.",
            action="Grade it again, or remove the sample from both files.",
            field="score",
        )
    return _Line(
        place=place,
        sample_id=sample_id,
        score=score,
        group=group,
        slices=slices,
        completion_tokens=_number(fields, "completion_tokens", place),
        latency_ms=_number(fields, "latency_ms", place) or None,  # nobody waited for an answer in batch
        prompt=_text(fields, "prompt", place),
        grader=_text(fields, "grader", place),
        completion=_text(fields, "completion", place),
        label=_number(fields, "label", place),
    )


def _number(fields: Mapping[str, object], name: str, place: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidScores(f"{place}: {name} is {value!r}, not a number.", field=name)
    if not math.isfinite(value):
        raise InvalidScores(f"{place}: {name} is {value}, not a finite number.", field=name)
    return float(value)


def _text(fields: Mapping[str, object], name: str, place: str) -> str:
    value = fields.get(name, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidScores(f"{place}: {name} is {value!r}, not a string.", field=name)
    return value


def _slices(value: object, place: str) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidScores(f"{place}: slice is {value!r}, not an object of keys and values.", field="slice")
    return {str(key): part if isinstance(part, str) else json.dumps(part) for key, part in value.items()}
