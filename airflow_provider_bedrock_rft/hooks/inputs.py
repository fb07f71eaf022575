"""What a task is given: a plain value, or the payload of the task before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import msgspec

from airflow_provider_bedrock_rft.core.errors import InvalidInput, InvalidJobSpec
from airflow_provider_bedrock_rft.core.job.spec import RftHyperparameters

if TYPE_CHECKING:
    from airflow.sdk import XComArg

T = TypeVar("T")

Text: TypeAlias = "str | XComArg"
"""A field of an operator that is text once it is rendered."""
Payload: TypeAlias = "Mapping[str, object] | XComArg"
"""A field of an operator that is an upstream task's ``.output``."""
Given: TypeAlias = "str | Mapping[str, object] | XComArg"
"""A field of an operator that is either."""

JOB_ID = {"rft.job": "job_id", "rft.submission": "job_id", "rft.checkpoint": "job_id"}
MODEL = {
    "rft.job": "tuned_model",
    "rft.checkpoint": "model",
    "rft.checkpoint_choice": "checkpoint.model",
    "rft.champion": "model",
    "rft.deployment": "model",
    "rft.gate": "candidate_model",
}
DEPLOYMENT = {"rft.deployment": "model"}
GRADER = {"rft.grader": "arn"}
TRAINING_DATA = {"rft.dataset": "file_id"}
FINGERPRINT = {"rft.dataset": "fingerprint"}


def text_of(given: object, field: str, kinds: Mapping[str, str]) -> str:
    """The text that ``given`` stands for: itself, or the field that ``kinds`` names for its kind of payload.

    Raises:
        InvalidInput: It is missing, empty, a payload rendered to text, or a payload of another kind.
    """
    if isinstance(given, Mapping):
        return _from_payload(given, field, kinds)
    if not isinstance(given, str) or given.strip() in {"", "None"}:
        raise InvalidInput(
            f"{field} is missing: {given!r} was given.",
            action="Look at the task that makes it: it may have been skipped, or its output is read under another key.",
        )
    if given.lstrip().startswith("{"):
        raise InvalidInput(
            f"{field} is a payload that a template has turned into text.",
            action=f"Pass {field}=<task>.output, or set render_template_as_native_obj=True on the DAG.",
        )
    return given.strip()


def _from_payload(given: Mapping[str, object], field: str, kinds: Mapping[str, str]) -> str:
    kind = given.get("kind")
    text: object = given if kind in kinds else None
    for step in kinds.get(str(kind), "").split("."):
        text = text.get(step) if isinstance(text, Mapping) else None
    if not isinstance(text, str) or not text:
        raise InvalidInput(
            f"{field} cannot be read from a payload of kind {kind!r}.",
            action=f"Pass a plain value or a payload of kind {' or '.join(sorted(kinds))}.",
        )
    return text


def hyperparameters_of(given: Mapping[str, object] | None) -> RftHyperparameters:
    """Hyper-parameters as a template left them: empty text leaves the choice to the service.

    Raises:
        InvalidJobSpec: A name is not one of ours (those of the service go into ``extra``), or a value is no number.
    """
    try:
        return fields_of(given, "hyperparameters", RftHyperparameters)
    except InvalidInput as error:
        action = error.action or "Put the service's own names into hyperparameters['extra']."
        raise InvalidJobSpec(error.message, action=action) from None


def fields_of(given: Mapping[str, object] | None, field: str, cls: type[T]) -> T:
    """A mapping as a template left it, as a value: numbers may be text, and what is empty is as if it were absent.

    Raises:
        InvalidInput: A name is unknown, or a value is of the wrong type.
    """
    present = {name: value for name, value in (given or {}).items() if value not in (None, "", "None")}
    known = [known.name for known in fields(cls)] if is_dataclass(cls) else []
    if unknown := sorted(set(present) - set(known)):
        raise InvalidInput(f"{field} has no field {', '.join(unknown)}; it knows {', '.join(known)}.")
    try:
        return msgspec.convert(present, cls, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{field}: {error}.") from None


def whole_number(given: object, field: str) -> int:
    """A number that a template may have turned into text.

    Raises:
        InvalidInput: It is none.
    """
    try:
        return int(str(given).strip())
    except ValueError:
        raise InvalidInput(f"{field} is {given!r}; it must be a whole number.") from None


def amount_of(given: object, field: str, unit: str) -> float | None:
    """A quantity that a template may have turned into text; ``None`` when nothing is given.

    Raises:
        InvalidInput: It is not a positive number.
    """
    if given in (None, "", "None"):
        return None
    try:
        amount = float(str(given))
    except ValueError:
        amount = 0.0
    if not 0.0 < amount < float("inf"):
        raise InvalidInput(f"{field} is {given!r}; it must be a positive number of {unit}.")
    return amount


def is_true(given: object, field: str) -> bool:
    """A switch that a template may have turned into text.

    Raises:
        InvalidInput: It is neither true nor false.
    """
    words = {"true": True, "1": True, "false": False, "0": False, "none": False, "": False}
    word = str(given).strip().lower()
    if word not in words:
        raise InvalidInput(f"{field} is {given!r}; it must be true or false.")
    return words[word]


def one_of(field: str, value: str, *allowed: str) -> str:
    """``value``, if it is allowed.

    Raises:
        ValueError: It is not; the DAG fails to import, and says why.
    """
    if value not in allowed:
        raise ValueError(f"{field} is {value!r}; it must be {' or '.join(map(repr, allowed))}.")
    return value
