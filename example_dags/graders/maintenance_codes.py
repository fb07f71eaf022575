"""Grader of maintenance reports: the fault's fields as JSON of a fixed schema, field by field."""

from __future__ import annotations

from airflow_provider_bedrock_rft.grading import GraderSample, Reward, gate, json_fields, json_schema, rft_grader

SCHEMA = {
    "type": "object",
    "required": ["code", "level"],
    "properties": {"code": {"type": "string", "pattern": "^E-[0-9]{3}$"}, "level": {"type": "integer", "minimum": 0}},
}

_graded = gate(json_schema(SCHEMA), json_fields)


@rft_grader
def grade(sample: GraderSample) -> Reward:
    """The share of right fields; 0 where the schema is not kept."""
    return _graded(sample)
