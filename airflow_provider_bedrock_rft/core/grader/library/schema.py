"""JSON Schema, on jsonschema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.grader.library.structured import only_json
from airflow_provider_bedrock_rft.core.grader.reward import Reward

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jsonschema.protocols import Validator


def json_schema(schema: Mapping[str, object]) -> Callable[[str], Reward]:
    """A grader of form: 1 for one JSON value that the schema allows, 0.2 for JSON that it does not, else 0.

    Raises:
        jsonschema.SchemaError: The schema itself is wrong.
    """
    validator = _validator_of(schema)

    def grade(completion: str) -> Reward:
        value = only_json(completion)
        if value is None:
            return Reward(0.0, components={"is_json": 0.0, "conforms": 0.0})
        conforms = validator.is_valid(value)
        return Reward(1.0 if conforms else 0.2, components={"is_json": 1.0, "conforms": float(conforms)})

    return grade


def _validator_of(schema: Mapping[str, object]) -> Validator:
    from jsonschema import validators  # noqa: PLC0415 -- only graders that use it have it

    kind = validators.validator_for(dict(schema))
    kind.check_schema(schema)
    validator: Validator = kind(dict(schema))
    return validator
