"""What an evaluation is about: prompts, references, and responses that were made elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airflow_provider_bedrock_rft.emulator.exchange import Json

MAX_RECORDS = 1_000


class RecordRefused(Exception):
    """A line that is no record of the evaluation; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRecord:
    """One line. ``given`` is the line without the responses, as results repeat it."""

    prompt: str
    reference: str
    responses: Mapping[str, str]
    given: Json


def read_records(body: bytes, dataset: str, sources: frozenset[str]) -> list[EvaluationRecord]:
    """The records of a dataset, each with a response of every one of ``sources``.

    Raises:
        RecordRefused: a line is not such a record, or there are none or too many.
    """
    records = [_record(line, f"line {number} of {dataset}", sources) for number, line in _lines(body)]
    if not 1 <= len(records) <= MAX_RECORDS:
        raise RecordRefused(f"The dataset {dataset} has {len(records)} records; 1 to {MAX_RECORDS} are evaluated.")
    return records


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(body.splitlines(), 1) if line.strip())


def _record(line: bytes, place: str, sources: frozenset[str]) -> EvaluationRecord:
    try:
        document = json.loads(line)
    except ValueError:
        raise RecordRefused(f"{place} is not valid JSON.") from None
    if not isinstance(document, dict) or not isinstance(document.get("prompt"), str):
        raise RecordRefused(f"{place} has no prompt.")
    return EvaluationRecord(
        prompt=document["prompt"],
        reference=str(document.get("referenceResponse") or ""),
        responses=_responses(document.get("modelResponses"), place, sources),
        given={name: value for name, value in document.items() if name != "modelResponses"},
    )


def _responses(listed: object, place: str, sources: frozenset[str]) -> Mapping[str, str]:
    """What each source said; nothing is read where a model is still to be asked."""
    if not sources:
        return {}
    if not isinstance(listed, list) or len(listed) != len(sources):
        raise RecordRefused(f"{place} must have modelResponses with one entry per inference source.")
    said: dict[str, str] = {}
    for entry in listed:
        if not isinstance(entry, dict) or not isinstance(entry.get("response"), str):
            raise RecordRefused(f"{place} has an entry of modelResponses without a response.")
        if entry.get("modelIdentifier") not in sources:
            raise RecordRefused(
                f"{place} has a response of {entry.get('modelIdentifier')!r}, which is not an "
                f"inferenceSourceIdentifier of the job ({', '.join(sorted(sources))})."
            )
        said[entry["modelIdentifier"]] = entry["response"]
    if len(said) != len(sources):
        raise RecordRefused(f"{place} has two responses of one inference source.")
    return said
