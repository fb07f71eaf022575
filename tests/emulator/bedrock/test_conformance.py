from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.emulator.bedrock.errors import error_reply
from airflow_provider_bedrock_rft.emulator.conformance.examination import Examination
from airflow_provider_bedrock_rft.emulator.conformance.fidelity import fidelity_table
from airflow_provider_bedrock_rft.emulator.conformance.specimens import Maker, broken
from airflow_provider_bedrock_rft.emulator.exchange import Reply
from airflow_provider_bedrock_rft.emulator.modelled.constraints import violations
from airflow_provider_bedrock_rft.emulator.modelled.service import modelled

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.exchange import Request

DOCS = Path(__file__).parents[3] / "docs" / "explanation" / "emulator.md"


def test_the_emulator_passes_its_own_examination() -> None:
    command = [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator", "--self-test"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.rstrip().endswith(" 0 findings")


def test_the_documented_table_is_what_is_served() -> None:
    documented = DOCS.read_text().partition("<!-- native:begin -->\n")[2].partition("<!-- native:end -->")[0]
    assert documented == fidelity_table()


def test_specimens_fit_and_broken_ones_break_one_thing() -> None:
    shape = modelled("bedrock").model.operation_model("CreateModelCustomizationJob").input_shape
    whole = Maker().well_formed(shape, full=True)
    assert not list(violations(shape, whole))
    cases = {case.what: list(violations(shape, case.params)) for case in broken(shape, whole)}
    assert all(cases.values()), [what for what, found in cases.items() if not found]
    rft = "customizationConfig.rftConfig"
    assert {
        "jobName: too long",
        "roleArn: missing",
        "customizationType: no such value",
        f"{rft}.hyperParameters.batchSize: below its minimum",
        f"{rft}.graderConfig.lambdaGrader.lambdaArn: outside its pattern",
        "vpcConfig.subnetIds: too many",
    } <= set(cases)


LIES = {
    "an empty success": (Reply(body=b"{}"), "Missing|must not be null"),
    "another status": (Reply(body=b'{"jobArn": "nonsense"}', status=202), "status is 202"),
    "an undeclared error": (error_reply("NoSuchThing", "no", 400), "NoSuchThing"),
    "a declared error with another status": (error_reply("ThrottlingException", "no", 400), "not 429"),
    "an internal error": (error_reply("InternalServerException", "no", 500), "InternalServerException"),
    "no message": (Reply(body=b"{}", status=400, headers=(("x-amzn-errortype", "ValidationException"),)), "no message"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lying_plane_is_found_out(lie: str) -> None:
    answer, words = LIES[lie]

    async def handle(_: Request) -> Reply:
        return answer

    examination = Examination(modelled("bedrock"), handle, Maker())
    await examination.examine("CreateModelCustomizationJob")
    found = [str(finding) for finding in examination.findings]
    assert any(word in finding for finding in found for word in words.split("|")), found[:3]
    assert any("instead of ValidationException" in finding for finding in found)
