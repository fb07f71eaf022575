"""What a rule of the event bus does with an event that it matches, for all targets that are served.

The mounted implementation knows queues, log groups and buses only, breaks on all others, and takes no notice of a rule
that is switched off or of a target's own input.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import lambda_backends
from moto.events.models import Rule
from moto.events.utils import EventTemplateParser
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

if TYPE_CHECKING:
    from collections.abc import Mapping

Deliver = Callable[[str, str, str, bytes], None]
"""Hands an event to a function: its ARN, account and region, and the payload."""

_send_to_targets: Any = Rule.send_to_targets


def bind(deliver: Callable[[], Deliver | None], matched: Callable[[], None]) -> None:
    """Take the place of moto's own method. ``deliver`` gives what hands events to functions; None while replaying.
    ``matched`` is called for each event that some target gets.
    """

    def send_to_targets(rule: Any, event: Mapping[str, Any], transform_input: bool = True) -> None:  # noqa: ANN401, FBT001, FBT002
        if rule.state == "DISABLED" or not rule.event_pattern.matches_event(event):
            return
        targets = rule.targets
        if targets:
            matched()
        for target in targets:
            service = str(target["Arn"]).split(":")[2]
            if service in {"sns", "lambda", "sqs"}:
                _send(service, target, _input(target, event), deliver())
            else:
                rule.targets = [target]
                try:
                    _send_to_targets(rule, event, transform_input)
                finally:
                    rule.targets = targets

    setattr(Rule, "send_to_targets", send_to_targets)  # noqa: B010 -- typed as a method


def _send(service: str, target: Mapping[str, Any], message: str, deliver: Deliver | None) -> None:
    """Hand a message over; a target that is not there loses it, as the service does."""
    arn = str(target["Arn"])
    region, account = arn.split(":")[3:5]
    backends: Any = {"sns": sns_backends, "sqs": sqs_backends, "lambda": lambda_backends}
    backend = backends[service][account][region]
    match service:
        case "sns" if arn in backend.topics:
            backend.publish(message, arn=arn)
        case "sqs" if (queue := arn.rpartition(":")[2]) in backend.queues:
            backend.send_message(queue, message, group_id=target.get("SqsParameters", {}).get("MessageGroupId"))
        case "lambda" if deliver is not None:
            deliver(arn, account, region, message.encode())


def _input(target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """What the target gets: its own text, a part of the event, a template filled from it, or the event."""
    if "Input" in target:
        return str(target["Input"])
    whole = {name: value for name, value in event.items() if name != "ingestion-time"}
    whole["time"] = _time(event.get("time"))
    if path := target.get("InputPath"):
        part: Any = whole
        for name in path.removeprefix("$").strip(".").split("."):
            part = part.get(name) if isinstance(part, dict) and name else part
        return json.dumps(part)
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(whole)
    known: Any = {**whole, "ingestion-time": whole["time"]}
    filled: Any = EventTemplateParser.parse(
        transformer["InputTemplate"], transformer.get("InputPathsMap") or {"": "$"}, known
    )
    return filled if isinstance(filled, str) else json.dumps(filled)


def _time(at: object) -> object:
    """A time as events show it; what is no number of seconds since the epoch is left as it is."""
    try:
        moment = datetime.fromtimestamp(float(str(at)), tz=timezone.utc)
    except ValueError:
        return at
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
