"""Records from Bedrock's model invocation logs: what was asked in production becomes what is trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TypeAlias, cast

import msgspec

from airflow_provider_bedrock_rft.core.dataset.record import JSON, Message, Record
from airflow_provider_bedrock_rft.core.dataset.schema import text_of
from airflow_provider_bedrock_rft.core.errors import InvalidInput

_Object: TypeAlias = Mapping[str, JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """On one key of the request metadata; ``negated`` asks for any other value, or none."""

    key: str
    value: str
    negated: bool = False

    def holds(self, metadata: _Object) -> bool:
        """True when the metadata meet the condition."""
        return (metadata.get(self.key) == self.value) is not self.negated


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which invocations to take.

    Attributes:
        all_of: Conditions that must all hold (the service's ``andAll``).
        any_of: Conditions of which one must hold (its ``orAll``); empty holds.
        models: Parts of model ids, one of which must occur; empty takes all.
        since: Earliest time, epoch seconds.
        until: Latest time, not included, epoch seconds.
    """

    all_of: tuple[Condition, ...] = ()
    any_of: tuple[Condition, ...] = ()
    models: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None

    def takes(self, entry: _Object) -> bool:
        """True when the filter lets this invocation through."""
        metadata = _object(entry.get("requestMetadata"))
        model = str(entry.get("modelId", ""))
        return (
            all(condition.holds(metadata) for condition in self.all_of)
            and (not self.any_of or any(condition.holds(metadata) for condition in self.any_of))
            and (not self.models or any(part in model for part in self.models))
            and self._is_in_time(str(entry.get("timestamp", "")))
        )

    def _is_in_time(self, timestamp: str) -> bool:
        if self.since is None and self.until is None:
            return True
        moment = epoch_seconds(timestamp)
        if moment is None:
            return False
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


@dataclass(slots=True, kw_only=True)
class LogReader:
    """Reads log entries and counts what became of them (``taken``, ``filtered``, ``repeated``, ``unreadable``, …).

    Attributes:
        keep_completion: Make the logged completion the reference; without it records have none.
        wanted: Which invocations to take.
    """

    keep_completion: bool = False
    wanted: LogFilter = field(default_factory=LogFilter)
    counts: Counter[str] = field(default_factory=Counter)
    _seen: set[int] = field(default_factory=set)

    def records(self, lines: Iterable[bytes]) -> Iterator[Record]:
        """The records in lines of a log; a prompt asked several times is taken once."""
        for line in lines:
            if not line.strip():
                continue
            outcome = self._record_of(line)
            if isinstance(outcome, Record) and (key := hash(outcome.messages)) in self._seen:
                self.counts["repeated"] += 1
            elif isinstance(outcome, Record):
                self._seen.add(key)
                self.counts["taken"] += 1
                yield outcome
            else:
                self.counts[outcome] += 1

    def _record_of(self, line: bytes) -> Record | str:
        try:
            entry = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return "unreadable"
        if not isinstance(entry, dict) or "modelId" not in entry:
            return "unreadable"
        if not self.wanted.takes(entry):
            return "filtered"
        messages = tuple(_messages(_object(_object(entry.get("input")).get("inputBodyJson"))))
        while messages and messages[-1].role != "user":
            messages = messages[:-1]
        if not messages:
            return "without_prompt"
        completion = _completion(_object(_object(entry.get("output")).get("outputBodyJson")))
        if self.keep_completion and not completion:
            return "without_completion"
        return _to_record(entry, messages, completion if self.keep_completion else None)


def _to_record(entry: _Object, messages: tuple[Message, ...], reference: str | None) -> Record:
    metadata: dict[str, JSON] = {"model_id": entry["modelId"]}
    if request_metadata := _object(entry.get("requestMetadata")):
        metadata["request_metadata"] = request_metadata
    return Record(
        record_id=str(entry.get("requestId", "")),
        has_own_id="requestId" in entry,
        messages=messages,
        reference=reference,
        metadata=metadata,
    )


def _object(value: JSON) -> _Object:
    return cast("_Object", value) if isinstance(value, dict) else {}


def _messages(body: _Object) -> Iterator[Message]:
    """The turns of a request body: Converse, Anthropic, Nova or OpenAI layout, or a bare ``prompt``."""
    system = text_of(body.get("system"))
    if system.strip():
        yield Message(role="system", content=system)
    turns = body.get("messages")
    for turn in turns if isinstance(turns, list) else ():
        text = text_of(_object(turn).get("content"))
        if text.strip():
            yield Message(role=str(_object(turn).get("role", "user")), content=text)
    prompt = body.get("prompt", body.get("inputText"))
    if not isinstance(turns, list) and isinstance(prompt, str) and prompt.strip():
        yield Message(role="user", content=prompt)


def _completion(body: _Object) -> str:
    """The text of a reply body in any of the same layouts."""
    message = _object(_object(body.get("output")).get("message"))
    choices = body.get("choices")
    if isinstance(choices, list) and choices:
        message = _object(_object(choices[0]).get("message"))
    found = text_of(message.get("content")) or text_of(body.get("content")) or body.get("completion") or ""
    return found if isinstance(found, str) else ""


def epoch_seconds(timestamp: str) -> float | None:
    """An ISO 8601 time, UTC where it names no zone; ``None`` when it is none."""
    try:
        moment = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def filter_of(
    *,
    metadata: Iterable[tuple[str, str]] = (),
    not_metadata: Iterable[tuple[str, str]] = (),
    any_metadata: Iterable[tuple[str, str]] = (),
    models: Sequence[str] = (),
    since: str | None = None,
    until: str | None = None,
) -> LogFilter:
    """A filter from words; metadata are pairs of key and value.

    Raises:
        InvalidInput: A time is not ISO 8601.
    """
    required = [Condition(key=key, value=value) for key, value in metadata]
    forbidden = [Condition(key=key, value=value, negated=True) for key, value in not_metadata]
    return LogFilter(
        all_of=(*required, *forbidden),
        any_of=tuple(Condition(key=key, value=value) for key, value in any_metadata),
        models=(models,) if isinstance(models, str) else tuple(models),
        since=_moment(since),
        until=_moment(until),
    )


def _moment(text: str | None) -> float | None:
    if text in {None, "", "None"}:
        return None
    moment = epoch_seconds(str(text))
    if moment is None:
        raise InvalidInput(f"{text!r} is no ISO 8601 time.", action="Write 2026-11-20 or 2026-11-20T12:00:00Z.")
    return moment
