"""What is tried before a grader is in service: how it is told, and where the findings are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.hooks.files import is_remote
from airflow_provider_bedrock_rft.hooks.inputs import fields_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings
    from airflow_provider_bedrock_rft.core.ports import ObjectStore
    from airflow_provider_bedrock_rft.core.steps.grader import DeployedGrader
    from airflow_provider_bedrock_rft.grading.service import InService


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightOptions:
    """What a DAG may say about the bench.

    Attributes:
        answer_key: Field of a record that holds a right completion, where the reference is not one.
        skip: Codes of checks that do not apply.
        limit: Records tried; 0 for the operator's own number.
    """

    answer_key: str = ""
    skip: tuple[str, ...] = ()
    limit: int = 0


def trial_settings(
    options: Mapping[str, object] | None, timeout_seconds: float, memory_mb: int, *, max_records: int
) -> TrialSettings:
    """The bench's settings for a grader with that timeout and memory.

    Raises:
        InvalidInput: An option is unknown, or of the wrong type.
    """
    from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings

    given = fields_of(options, "preflight_options", PreflightOptions)
    return TrialSettings(
        max_records=given.limit or max_records,
        timeout_seconds=timeout_seconds,
        memory_mb=memory_mb,
        answer_key=given.answer_key,
        skipped=frozenset(given.skip),
    )


def keep_findings(objects: ObjectStore, done: InService, artifacts_uri: str) -> DeployedGrader:
    """Store report and calibration below ``artifacts_uri``; the deployed grader that names the report."""
    from airflow_provider_bedrock_rft.core.codec import canonical_json
    from airflow_provider_bedrock_rft.core.grader.trial.report import to_html, to_json

    deployed = done.deployed
    folder = f"{artifacts_uri.rstrip('/')}/graders/{deployed.function_name}/{deployed.version}"
    if not is_remote(folder):
        return deployed
    if done.calibration:
        objects.put_bytes(f"{folder}/calibration.json", canonical_json(done.calibration))
    if not done.report:
        return deployed
    objects.put_bytes(f"{folder}/trial.json", to_json(done.report).encode())
    objects.put_bytes(f"{folder}/trial.html", to_html(done.report).encode())
    return replace(deployed, report_uri=f"{folder}/trial.html")
