"""The contract between a training service and a grader's Lambda: the event it gets and the reply it owes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from airflow_provider_bedrock_rft.core.errors import GraderFailure
from airflow_provider_bedrock_rft.core.grader.sample import REFERENCE_KEY, GraderSample

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Lambda's quota for a synchronous request, and for its reply."""


class EventLayout(str, Enum):
    """The shapes in which services hand samples to a grader."""

    MANTLE = "mantle"
    """A list; the reference both at the top level, strings as ``{"text": …}``, and plain under ``metadata``."""
    DOCUMENTED = "documented"
    """A list; the reference under ``metadata`` only (Bedrock user guide)."""
    TOP_LEVEL = "top_level"
    """A list; the reference at the top level as the dataset has it (SageMaker guide)."""
    WRAPPED = "wrapped"
    """A list; the reference at the top level only, strings as ``{"text": …}`` (what AWS's gpt-oss sample reads)."""
    NOVA = "nova"
    """As documented, with the completion as ``nova_assistant`` and every content as a list of parts."""
    TRAJECTORIES = "trajectories"
    """An object with a list below ``trajectories``."""
    HTTP = "http"
    """The list as JSON text below ``body``; the reply comes in an HTTP envelope (SageMaker serverless)."""


class ReplyFault(str, Enum):
    """What can be wrong with a reply; each is its own finding."""

    TOO_LARGE = "reply-too-large"
    NOT_JSON = "reply-not-json"
    ERROR = "function-error"
    NOT_A_LIST = "reply-not-a-list"
    ENTRY_NOT_AN_OBJECT = "entry-not-an-object"
    ID_ABSENT = "id-absent"
    ID_UNKNOWN = "id-unknown"
    ID_REPEATED = "id-repeated"
    SCORE_ABSENT = "score-absent"
    SCORE_NOT_A_NUMBER = "score-not-a-number"
    SCORE_NOT_FINITE = "score-not-finite"
    SAMPLE_UNANSWERED = "sample-unanswered"
    TOO_MANY_ENTRIES = "too-many-entries"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A grader's verdict on one sample, as it came back.

    Attributes:
        sample_id: The sample's id.
        value: ``aggregate_reward_score``; finite.
        components: Entries of ``metrics_list`` of type ``Reward``.
        metrics: The other entries.
    """

    sample_id: str
    value: float
    components: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyFinding:
    """One fault of one reply; ``sample_id`` is empty when it is no single sample's."""

    fault: ReplyFault
    message: str
    sample_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply as far as it could be read: the usable scores by id, and what was wrong."""

    scores: Mapping[str, Score]
    findings: Sequence[ReplyFinding] = ()


class _BrokenReply(Exception):
    def __init__(self, fault: ReplyFault, message: str, sample_id: str = "") -> None:
        self.finding = ReplyFinding(fault=fault, message=message, sample_id=sample_id)
        super().__init__(message)


def build_event(samples: Sequence[GraderSample], layout: EventLayout = EventLayout.MANTLE) -> object:
    """The event a grader's Lambda gets for ``samples``, as JSON-serialisable data."""
    entries = [_entry_of(sample, layout) for sample in samples]
    if layout is EventLayout.TRAJECTORIES:
        return {"trajectories": entries}
    if layout is EventLayout.HTTP:
        return {"body": json.dumps(entries, ensure_ascii=False)}
    return entries


def encode_event(samples: Sequence[GraderSample], layout: EventLayout = EventLayout.MANTLE) -> bytes:
    """:func:`build_event` as the bytes of an invocation."""
    return json.dumps(build_event(samples, layout), ensure_ascii=False, allow_nan=False).encode()


def batches_of(
    samples: Sequence[GraderSample], *, max_samples: int, max_bytes: int
) -> Iterator[Sequence[GraderSample]]:
    """``samples`` in order, cut so that no batch's event exceeds either bound; a sample too large alone goes alone."""
    batch: list[GraderSample] = []
    size_bytes = 2
    for sample in samples:
        added_bytes = len(encode_event([sample])) + 2
        if batch and (len(batch) >= max_samples or size_bytes + added_bytes > max_bytes):
            yield batch
            batch, size_bytes = [], 2
        batch.append(sample)
        size_bytes += added_bytes
    if batch:
        yield batch


def read_reply(payload: bytes, sample_ids: Sequence[str]) -> Reply:
    """What a reply says about ``sample_ids``, with a finding for every fault. Never raises."""
    try:
        entries = _entries_of(payload)
    except _BrokenReply as broken:
        return Reply(scores={}, findings=(broken.finding,))
    scores: dict[str, Score] = {}
    findings: list[ReplyFinding] = []
    known = frozenset(sample_ids)
    for position, entry in enumerate(entries):
        score = _try_score(entry, position, known, scores)
        if isinstance(score, ReplyFinding):
            findings.append(score)
        else:
            scores[score.sample_id] = score
    if len(entries) > len(sample_ids):
        message = f"There are {len(entries)} entries for {len(sample_ids)} samples."
        findings.append(ReplyFinding(fault=ReplyFault.TOO_MANY_ENTRIES, message=message))
    blamed = {finding.sample_id for finding in findings}
    findings += [
        ReplyFinding(fault=ReplyFault.SAMPLE_UNANSWERED, message=f"Sample {missing!r} has no score.", sample_id=missing)
        for missing in sample_ids
        if missing not in scores and missing not in blamed
    ]
    return Reply(scores=scores, findings=tuple(findings))


def parse_reply(payload: bytes, sample_ids: Sequence[str]) -> dict[str, Score]:
    """The score of every one of ``sample_ids``, in their order.

    Raises:
        GraderFailure: Anything at all is wrong with the reply.
    """
    reply = read_reply(payload, sample_ids)
    if reply.findings:
        first = reply.findings[0]
        raise GraderFailure(
            f"The grader's reply cannot be used: {first.message}",
            action="Run `bedrock-rft grader test` on the grader.",
            fault=first.fault.value,
            n_faults=len(reply.findings),
        )
    return {sample_id: reply.scores[sample_id] for sample_id in sample_ids}


def _entry_of(sample: GraderSample, layout: EventLayout) -> dict[str, object]:
    in_parts = layout is EventLayout.NOVA
    role = "nova_assistant" if in_parts else "assistant"
    turns = [(turn.role, turn.content) for turn in sample.turns] + [(role, sample.completion)]
    metadata = dict(sample.metadata)
    entry: dict[str, object] = {
        "id": sample.sample_id,
        "messages": [
            {"role": role, "content": [{"type": "text", "text": text}] if in_parts else text} for role, text in turns
        ],
    }
    if sample.tools:
        entry["tools"] = list(sample.tools)
    if sample.reference is not None:
        wraps = layout in {EventLayout.MANTLE, EventLayout.WRAPPED} and isinstance(sample.reference, str)
        if layout not in {EventLayout.DOCUMENTED, EventLayout.NOVA}:
            entry[REFERENCE_KEY] = {"text": sample.reference} if wraps else sample.reference
        if layout in {EventLayout.MANTLE, EventLayout.DOCUMENTED, EventLayout.NOVA}:
            metadata[REFERENCE_KEY] = sample.reference
    return {**entry, "metadata": metadata}


def _entries_of(payload: bytes) -> Sequence[object]:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise _BrokenReply(ReplyFault.TOO_LARGE, f"It has {len(payload):,} bytes; Lambda passes {MAX_PAYLOAD_BYTES:,}.")
    reply = _decode(payload)
    if isinstance(reply, dict) and isinstance(reply.get("body"), str) and "statusCode" in reply:
        reply = _decode(reply["body"].encode())
    if isinstance(reply, dict) and "errorMessage" in reply:
        raise _BrokenReply(ReplyFault.ERROR, f"{reply.get('errorType', 'Error')}: {reply['errorMessage']}")
    if not isinstance(reply, list):
        raise _BrokenReply(ReplyFault.NOT_A_LIST, f"It is {_kind_of(reply)}, not a list with one entry per sample.")
    return reply


def _decode(payload: bytes) -> object:
    try:
        decoded: object = json.loads(payload)
    except (ValueError, RecursionError):
        raise _BrokenReply(ReplyFault.NOT_JSON, "It is not JSON.") from None
    return decoded


def _try_score(entry: object, position: int, known: frozenset[str], seen: Mapping[str, Score]) -> Score | ReplyFinding:
    try:
        if not isinstance(entry, dict):
            message = f"Entry {position} is {_kind_of(entry)}, not an object."
            raise _BrokenReply(ReplyFault.ENTRY_NOT_AN_OBJECT, message)  # noqa: TRY301 -- one way out for all faults
        sample_id = _id_of(entry, position, known, seen)
        value = _number_of(entry, sample_id)
    except _BrokenReply as broken:
        return broken.finding
    parts = _named_numbers(entry.get("metrics_list"))
    return Score(
        sample_id=sample_id,
        value=value,
        components={name: number for kind, name, number in parts if kind == "Reward"},
        metrics={name: number for kind, name, number in parts if kind != "Reward"},
    )


def _named_numbers(metrics_list: object) -> list[tuple[str, str, float]]:
    parts = metrics_list if isinstance(metrics_list, list) else []
    return [
        (str(part.get("type")), str(part.get("name")), float(number))
        for part in parts
        if isinstance(part, dict) and isinstance(number := part.get("value"), int | float)
    ]


def _id_of(entry: Mapping[str, object], position: int, known: frozenset[str], seen: Mapping[str, Score]) -> str:
    sample_id = entry.get("id")
    if sample_id is None:
        raise _BrokenReply(ReplyFault.ID_ABSENT, f"Entry {position} has no id.")
    if not isinstance(sample_id, str) or sample_id not in known:
        raise _BrokenReply(
            ReplyFault.ID_UNKNOWN, f"Entry {position} has the id {sample_id!r}, which was not asked for."
        )
    if sample_id in seen:
        raise _BrokenReply(ReplyFault.ID_REPEATED, f"Sample {sample_id!r} is answered twice.", sample_id)
    return sample_id


def _number_of(entry: Mapping[str, object], sample_id: str) -> float:
    if entry.get("aggregate_reward_score") is None:
        message = f"Sample {sample_id!r} has no aggregate_reward_score."
        raise _BrokenReply(ReplyFault.SCORE_ABSENT, message, sample_id)
    value = entry["aggregate_reward_score"]
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"The score of sample {sample_id!r} is {_kind_of(value)}, not a number."
        raise _BrokenReply(ReplyFault.SCORE_NOT_A_NUMBER, message, sample_id)
    if not math.isfinite(value):
        message = f"The score of sample {sample_id!r} is {value!r}."
        raise _BrokenReply(ReplyFault.SCORE_NOT_FINITE, message, sample_id)
    return float(value)


def _kind_of(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
