"""Reading a request to create a job, and refusing it where the service would."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from airflow_provider_bedrock_rft.emulator.exchange import Json
from airflow_provider_bedrock_rft.emulator.mantle.body import optional, required
from airflow_provider_bedrock_rft.emulator.mantle.errors import MantleError, cannot_read, invalid_value
from airflow_provider_bedrock_rft.emulator.mantle.models import TRAINABLE, base_of

GRADER = "method.reinforcement.grader"
HYPERPARAMETERS = "method.reinforcement.hyperparameters"
_FUNCTION = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov):lambda:([a-z]{2}(?:-[a-z]+)+-\d):(\d{12}):function:[A-Za-z0-9_-]{1,64}"
    r"(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)
_EFFORTS = {"default", "low", "medium", "high"}
_MAX_METADATA = 16
T = TypeVar("T", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """Those given, with what ``auto`` stands for filled in."""

    n_epochs: int
    batch_size: int
    learning_rate_multiplier: float
    compute_multiplier: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """A request that can be carried out, as far as it can be told from the request alone."""

    model: str
    training_file: str
    function: str
    hyperparameters: Hyperparameters
    method: Json
    seed: int | None
    metadata: Mapping[str, str] | None


def parse_creation(body: Json, *, region: str) -> Creation:
    """The request in ``body``.

    Raises:
        MantleError: it would be refused.
    """
    model = required(body, "model", str)
    training_file = required(body, "training_file", str)
    for name in ("suffix", "validation_file", "integrations"):
        if body.get(name):
            raise MantleError(f"Unsupported parameter: '{name}'", code="unsupported_parameter", param=name)
    base = base_of(model)
    if base not in TRAINABLE:
        raise MantleError(
            f"The model '{model}' does not exist or cannot be fine-tuned",
            status=404,
            code="model_not_found",
            param="model",
        )
    method = required(body, "method", dict)
    reinforcement = _reinforcement(method)
    hyperparameters = optional(reinforcement, "hyperparameters", dict, path="method.reinforcement.") or {}
    return Creation(
        model=base,
        training_file=training_file,
        function=_function(required(reinforcement, "grader", dict, path="method.reinforcement."), region),
        hyperparameters=_hyperparameters(hyperparameters),
        method=method,
        seed=optional(body, "seed", int),
        metadata=_metadata(optional(body, "metadata", dict)),
    )


def _reinforcement(method: Json) -> Json:
    kind = required(method, "type", str, path="method.")
    if kind != "reinforcement":
        raise MantleError(
            f"Unsupported value: '{kind}'; this emulator trains with method.type 'reinforcement' only",
            param="method.type",
        )
    return required(method, "reinforcement", dict, path="method.")


def _function(grader: Json, region: str) -> str:
    kind = required(grader, "type", str, path=f"{GRADER}.")
    if kind != "lambda":
        raise cannot_read(f"unknown variant `{kind}`, expected `lambda`", f"{GRADER}.type")
    target = required(grader, "lambda", dict, path=f"{GRADER}.")
    arn = required(target, "function", str, path=f"{GRADER}.lambda.")
    match = _FUNCTION.fullmatch(arn)
    if match is None:
        raise invalid_value(f"{GRADER}.lambda.function", f"{arn!r} is not the ARN of a Lambda function")
    if match[2] != region:
        raise invalid_value(f"{GRADER}.lambda.function", f"the function must be in {region}, the region of the job")
    return arn


def _hyperparameters(given: Json) -> Hyperparameters:
    effort = given.get("reasoning_effort")
    if effort is not None and effort not in _EFFORTS:
        raise cannot_read(f"unknown variant `{effort}` for {HYPERPARAMETERS}.reasoning_effort", HYPERPARAMETERS)
    for name in ("eval_interval", "eval_samples"):
        _number(given, name, int, default=1, most=10_000)
    return Hyperparameters(
        n_epochs=_number(given, "n_epochs", int, default=1, most=50),
        batch_size=_number(given, "batch_size", int, default=4, most=1_024),
        learning_rate_multiplier=_number(given, "learning_rate_multiplier", float, default=1.0, most=1_000.0),
        compute_multiplier=_number(given, "compute_multiplier", float, default=1.0, most=16.0),
    )


def _number(given: Json, name: str, kind: type[T], *, default: T, most: T) -> T:
    if given.get(name) in (None, "auto"):
        return default
    value = required(given, name, kind, path=f"{HYPERPARAMETERS}.")
    if not math.isfinite(value) or not 0 < value <= most:
        raise invalid_value(f"{HYPERPARAMETERS}.{name}", f"{value} is not above 0 and at most {most}")
    return value


def _metadata(value: Json | None) -> Mapping[str, str] | None:
    if value is None:
        return None
    if len(value) > _MAX_METADATA:
        raise invalid_value("metadata", f"at most {_MAX_METADATA} pairs")
    for key, item in value.items():
        if not isinstance(item, str) or len(key) > 64 or len(item) > 512:
            raise invalid_value(
                "metadata", f"{key!r} must be a key of at most 64 and a string of at most 512 characters"
            )
    return value
