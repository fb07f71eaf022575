"""What a DAG says about the bench, and where the findings are kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.grader.calibration import Calibration
from airflow_provider_bedrock_rft.core.grader.trial.report import Check, TrialReport
from airflow_provider_bedrock_rft.core.steps.grader import DeployedGrader
from airflow_provider_bedrock_rft.grading.service import InService
from airflow_provider_bedrock_rft.hooks.preflight import keep_findings, trial_settings

DEPLOYED = DeployedGrader(
    arn="arn:aws:lambda:us-west-2:123456789012:function:maths:3",
    function_name="maths",
    function_version="3",
    fingerprint="f" * 64,
    reused=False,
)
REPORT = TrialReport(origin="maths.py:grade", checks=[Check(code="contract", passed=True)])
CALIBRATION = Calibration(n=40, kappa=0.9, kappa_low=0.8, alpha=0.85, bias=-0.01)


class Shelf(dict[str, bytes]):
    def put_bytes(self, uri: str, data: bytes) -> str:
        self[uri] = data
        return ""


def test_options_may_come_as_a_template_left_them() -> None:
    found = trial_settings({"answer_key": "solution", "skip": ["latency"], "limit": "7"}, 60, 512, max_records=100)
    assert (found.answer_key, found.skipped, found.max_records) == ("solution", {"latency"}, 7)
    assert (found.timeout_seconds, found.memory_mb) == (60, 512)
    assert trial_settings(None, 60, 512, max_records=100).max_records == 100


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"preflight_options has no field skips; it knows answer_key"):
        trial_settings({"skips": ["latency"]}, 60, 512, max_records=100)


def test_findings_are_kept_beside_the_version_they_are_about() -> None:
    shelf: Any = Shelf()
    kept = keep_findings(shelf, InService(deployed=DEPLOYED, report=REPORT, calibration=CALIBRATION), "s3://b/p/")
    assert kept.report_uri == "s3://b/p/graders/maths/3/trial.html"
    assert sorted(uri.rpartition("/")[2] for uri in shelf) == ["calibration.json", "trial.html", "trial.json"]
    assert json.loads(shelf["s3://b/p/graders/maths/3/calibration.json"])["kappa"] == 0.9
    assert json.loads(shelf["s3://b/p/graders/maths/3/trial.json"])["passed"] is True


def test_without_a_report_or_a_place_nothing_is_kept() -> None:
    shelf: Any = Shelf()
    assert keep_findings(shelf, InService(deployed=DEPLOYED), "s3://b/p") == DEPLOYED
    assert keep_findings(shelf, InService(deployed=DEPLOYED, report=REPORT), "/local") == DEPLOYED
    assert shelf == {}


def test_what_was_found_is_said() -> None:
    said = InService(deployed=DEPLOYED, report=REPORT, calibration=CALIBRATION).sentences()
    assert said[0].endswith("passed")
    assert said[1] == "Calibrated on 40 labels: kappa 0.90 (at least 0.80), alpha 0.85, bias -0.01."
    assert said[2] == f"The grader is in service now as version 3: {DEPLOYED.arn}"
