"""The records of a batch job: each is answered, or says why it was not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock import converse, invoke_model
from airflow_provider_bedrock_rft.emulator.bedrock.errors import BedrockError, invalid
from airflow_provider_bedrock_rft.emulator.exchange import encode

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.bedrock.completion import Completions
    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.mantle.models import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many records there were, and how many could not be answered."""

    n_records: int = 0
    n_errors: int = 0

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(n_records=self.n_records + other.n_records, n_errors=self.n_errors + other.n_errors)

    def members(self) -> Json:
        """As the job shows them."""
        return {
            "totalRecordCount": self.n_records,
            "processedRecordCount": self.n_records,
            "successRecordCount": self.n_records - self.n_errors,
            "errorRecordCount": self.n_errors,
        }


async def answer_lines(body: bytes, kind: str, policy: Policy, completions: Completions) -> tuple[bytes, Counts]:
    """The output lines for some input lines, in their order. ``kind`` is InvokeModel or Converse."""
    lines: list[bytes] = []
    n_errors = 0
    for number, line in enumerate((line for line in body.splitlines() if line.strip()), 1):
        answered: Json = {"recordId": f"RECORD{number:07d}"}
        try:
            answered.update(_record(line))
            answered["modelOutput"] = await _answer(answered["modelInput"], kind, policy, completions)
        except BedrockError as error:
            n_errors += 1
            answered["error"] = {"errorCode": 400, "errorMessage": error.message}
        lines.append(encode(answered))
    return b"\n".join(lines) + b"\n", Counts(n_records=len(lines), n_errors=n_errors)


def _record(line: bytes) -> Json:
    try:
        record = json.loads(line)
    except ValueError:
        raise invalid("The record is not valid JSON.") from None
    if not isinstance(record, dict) or not isinstance(record.get("modelInput"), dict):
        raise invalid("The record has no modelInput.")
    return {name: record[name] for name in ("recordId", "modelInput") if name in record}


async def _answer(asked: Json, kind: str, policy: Policy, completions: Completions) -> Json:
    if kind == "Converse":
        try:
            question = converse.read_question(asked)
        except (KeyError, TypeError, AttributeError, StopIteration):
            raise invalid("The modelInput is not a Converse request.") from None
        return converse.to_answer(await completions.complete(policy, question))
    is_nova = policy.base.startswith("amazon.")
    done = await completions.complete(policy, invoke_model.read_question(encode(asked), is_nova=is_nova))
    return invoke_model.to_answer(done, policy.model, is_nova=is_nova)
