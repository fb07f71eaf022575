"""The doctor's looks at quotas, through boto3's own clients with replies put in their way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from airflow_provider_bedrock_rft.cli.quota_examination import examine_quotas

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "secret", "region_name": "us-west-2"}


class Account:
    """A session whose account is granted what a test says; an error code is refused with it."""

    def __init__(self, quotas: Sequence[tuple[str, float]] | str, unreserved: int | str) -> None:
        self._clients: dict[str, Any] = {
            name: boto3.session.Session(**KEYS).client(name) for name in ("service-quotas", "lambda")
        }
        listing, settings = (Stubber(client) for client in self._clients.values())
        if isinstance(quotas, str):
            listing.add_client_error("list_service_quotas", quotas, "No.")
        else:
            found = [{"QuotaName": name, "Value": value, "Adjustable": True} for name, value in quotas]
            listing.add_response("list_service_quotas", {"Quotas": found}, {"ServiceCode": "bedrock"})
        if isinstance(unreserved, str):
            settings.add_client_error("get_account_settings", unreserved, "No.")
        else:
            limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": unreserved}
            settings.add_response("get_account_settings", {"AccountLimit": limits})
        listing.activate()
        settings.activate()

    def client(self, service: str) -> Any:
        return self._clients[service]


def seen(quotas: Sequence[tuple[str, float]] | str, unreserved: int | str = 900) -> Any:
    account: Any = Account(quotas, unreserved)
    return list(examine_quotas(account))


def test_what_limits_training_is_shown_and_the_rest_is_not() -> None:
    training, concurrency = seen([("On-demand tokens per minute for X", 5.0), ("Custom models per account", 100.0)])
    assert (training.state, training.text) == ("ok", "Custom models per account: 100")
    assert concurrency.state == "ok"
    assert "900 of 1000" in concurrency.text


def test_a_quota_of_nothing_is_said_first_with_what_to_do() -> None:
    training, _ = seen([*((f"Custom model {n}", n + 1.0) for n in range(6)), ("Fine-tuning jobs", 0.0)])
    assert training.state == "warning"
    assert training.text.startswith("Fine-tuning jobs: 0; ")
    assert training.text.endswith("… 3 more")
    assert "ask under Service Quotas" in training.action
    assert training.action.endswith("Fine-tuning jobs.")


@pytest.mark.parametrize(("unreserved", "state"), [(100, "ok"), (99, "warning"), (10, "warning"), (0, "failed")])
def test_a_grader_needs_room(unreserved: int, state: str) -> None:
    _, concurrency = seen([], unreserved)
    assert concurrency.state == state
    assert bool(concurrency.action) is (state != "ok")


def test_a_missing_right_is_named_and_fails_nothing() -> None:
    training, concurrency = seen("AccessDeniedException", "AccessDeniedException")
    assert (training.state, concurrency.state) == ("warning", "warning")
    assert "servicequotas:ListServiceQuotas" in training.action
    assert "lambda:GetAccountSettings" in concurrency.action


def test_where_nobody_tells_nothing_is_wrong() -> None:
    training, concurrency = seen("NoSuchResourceException", "NotImplemented")
    assert (training.state, concurrency.state) == ("skipped", "skipped")
    assert seen([])[0].state == "skipped"
