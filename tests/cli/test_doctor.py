from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.cli import examination, main
from airflow_provider_bedrock_rft.cli.examination import Subject, examine_access, examine_installation
from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.core.errors import AccessDenied, InvalidCredentials, InvalidInput, ResourceNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALL = Subject(artifacts="s3://kept/tutor/", function="maths", pipeline="tutor")


@dataclass
class Services:
    """Every port, of which the named calls are refused."""

    refused: dict[str, Exception] = field(default_factory=dict)
    region: str = "us-west-2"
    endpoint_url: str = ""
    written: list[str] = field(default_factory=list)  # noqa: A003 -- the port has a list

    @property
    def config(self) -> ClientConfig:
        return ClientConfig(region=self.region, endpoint_url=self.endpoint_url)

    def answer(self, call: str, reply: object) -> Any:
        if call in self.refused:
            raise self.refused[call]
        return reply

    def account_id(self) -> str:
        return str(self.answer("account_id", "111122223333"))

    def list_jobs(self, *, created_after: float) -> Iterator[str]:
        assert created_after == 0.0
        return iter(self.answer("list_jobs", ["job"] * 7))

    def put_bytes(self, uri: str, data: bytes) -> None:
        assert data
        self.written.append(self.answer("put_bytes", uri))

    def list(self, prefix: str) -> Iterator[str]:
        return iter(self.answer("list", [prefix]))

    def get(self, name: str) -> None:
        self.answer(f"get {name}", None)

    def __getattr__(self, port: str) -> Services:
        if port in {"roles", "training", "native_training", "objects", "functions", "parameters"}:
            return self
        raise AttributeError(port)


def seen(services: Services, subject: Subject = ALL) -> dict[str, tuple[str, str, str]]:
    opened: Any = services
    return {found.step: (found.state, found.text, found.action) for found in examine_access(lambda: opened, subject)}


def states(found: dict[str, tuple[str, str, str]]) -> dict[str, str]:
    return {step: state for step, (state, _, _) in found.items()}


def test_all_is_well() -> None:
    services = Services()
    found = seen(services)
    assert set(states(found).values()) == {"ok"}
    assert list(found) == [
        "configuration",
        "credentials",
        "mantle training",
        "artifacts",
        "grader",
        "champion",
        "region",
    ]
    assert found["mantle training"][1] == "answers; five or more jobs are there"
    assert services.written == ["s3://kept/tutor/doctor/probe.json"]


def test_what_is_not_named_is_not_looked_at() -> None:
    assert list(seen(Services(), Subject(plane="native"))) == ["configuration", "credentials", "native training"]


def test_without_credentials_nothing_else_is_tried() -> None:
    found = seen(Services(refused={"account_id": InvalidCredentials("Expired.", action="Renew them.")}))
    assert found["credentials"] == ("failed", "Expired.", "Renew them.")
    assert {found[step][0] for step in ("mantle training", "artifacts", "grader", "champion")} == {"skipped"}


@pytest.mark.parametrize(
    ("call", "step"),
    [
        ("list_jobs", "mantle training"),
        ("put_bytes", "artifacts"),
        ("list", "artifacts"),
        ("get s3://kept/tutor/doctor/probe.json", "artifacts"),
        ("get maths", "grader"),
        ("get /bedrock-rft/tutor/champion", "champion"),
    ],
)
def test_one_refusal_is_one_failure_and_names_the_policy(call: str, step: str) -> None:
    found = seen(Services(refused={call: AccessDenied("No.", action="Grant it.")}))
    assert found[step][0] == "failed"
    assert found[step][2].startswith("Grant it. `bedrock-rft permissions`")
    assert [state for state in states(found).values() if state != "ok"] == ["failed"]


def test_what_is_no_question_of_rights_does_not_speak_of_them() -> None:
    found = seen(Services(refused={"put_bytes": ResourceNotFound("No bucket.", action="Make it.")}))
    assert found["artifacts"] == ("failed", "No bucket.", "Make it.")


def test_a_connection_that_is_not_there() -> None:
    def absent() -> Any:
        raise InvalidInput("The connection is not there.", action="Create it.")

    found = list(examine_access(absent, ALL))
    assert [(step.state, step.action) for step in found] == [("failed", "Create it.")]


@pytest.mark.parametrize(
    ("region", "endpoint_url", "state"),
    [("us-west-2", "", "ok"), ("eu-west-1", "", "warning"), ("eu-west-1", "http://127.0.0.1:1", "warning")],
)
def test_the_region_of_training(region: str, endpoint_url: str, state: str) -> None:
    assert seen(Services(region=region, endpoint_url=endpoint_url))["region"][0] == state


def test_the_installation_is_in_order() -> None:
    assert {found.step: found.state for found in examine_installation()} == {
        "apache-airflow": "ok",
        "openai": "ok",
        "boto3": "ok",
        "provider": "ok",
    }


@pytest.mark.parametrize(
    ("name", "first", "text"), [("no-such-package", (1, 0), "not installed"), ("boto3", (99, 0), "is not supported")]
)
def test_a_version_that_is_missing_or_too_old(name: str, first: tuple[int, int], text: str) -> None:
    judge: Callable[..., Any] = examination._version
    found = judge(name, first, (100, 0))
    assert found.state == "failed"
    assert text in found.text
    assert "below 100.0" in found.action


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--offline"]) == 0
    assert capsys.readouterr().out.endswith("Everything that was looked at is in order.\n")
    assert main(["doctor", "--offline", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["passed"], len(document["steps"])) == ("doctor/1", True, 4)


def test_the_command_with_an_endpoint_that_nobody_serves(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--endpoint-url", "http://127.0.0.1:9"]) == 1
    out = capsys.readouterr().out
    assert "✗ credentials" in out
    assert "- mantle training" in out
    assert out.endswith("1 of 8 failed.\n")
