"""The doctor's looks at quotas. AWS does not tell all of them, and an emulator none: that is no failure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.cli.examination import FAILED, OK, SKIPPED, WARNING, Observation
from airflow_provider_bedrock_rft.clients.account_quotas import AccountQuotas
from airflow_provider_bedrock_rft.core.errors import AccessDenied, RftError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_bedrock_rft.clients.account_quotas import Quota
    from airflow_provider_bedrock_rft.clients.session import Session

OF_TRAINING = re.compile(r"custom|fine.?tun|reinforcement", re.IGNORECASE)
ENOUGH_CONCURRENCY = 100
"""Grader calls that one job and one evaluation may make at a time; new accounts may be granted 10."""
SHOWN = 4


def examine_quotas(session: Session) -> Iterator[Observation]:
    """What limits training and grading, as far as somebody tells."""
    quotas = AccountQuotas(session.client("service-quotas"), session.client("lambda"))
    yield _look("training quotas", lambda: _training(list(quotas.of_bedrock())), "servicequotas:ListServiceQuotas")
    yield _look("grader concurrency", lambda: _concurrency(quotas), "lambda:GetAccountSettings")


def _look(step: str, look: Callable[[], Observation], right: str) -> Observation:
    try:
        return look()
    except AccessDenied as error:
        return Observation(step=step, state=WARNING, text=error.message, action=f"To see it, allow {right}.")
    except RftError as error:
        return Observation(step=step, state=SKIPPED, text=f"nobody tells: {error.message}")


def _training(quotas: Sequence[Quota]) -> Observation:
    step = "training quotas"
    found = sorted((quota for quota in quotas if OF_TRAINING.search(quota.name)), key=lambda quota: quota.value)
    if not found:
        return Observation(step=step, state=SKIPPED, text="AWS lists none; the service itself refuses what is too much")
    shown = "; ".join(f"{quota.name}: {quota.value:g}" for quota in found[:SHOWN])
    more = f" … {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    if none := [quota.name for quota in found if quota.value == 0]:
        action = f"Where you need it, ask under Service Quotas, Amazon Bedrock, for: {'; '.join(none)}."
        return Observation(step=step, state=WARNING, text=shown + more, action=action)
    return Observation(step=step, state=OK, text=shown + more)


def _concurrency(quotas: AccountQuotas) -> Observation:
    found = quotas.concurrency()
    text = f"{found.unreserved} of {found.granted} executions at a time are free for the grader"
    if found.unreserved >= ENOUGH_CONCURRENCY:
        return Observation(step="grader concurrency", state=OK, text=text)
    return Observation(
        step="grader concurrency",
        state=FAILED if found.unreserved == 0 else WARNING,
        text=text,
        action="Ask under Service Quotas, AWS Lambda, for more 'Concurrent executions', or release reserved ones: "
        "a throttled grader slows training down, and may fail it.",
    )
