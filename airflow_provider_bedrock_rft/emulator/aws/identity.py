"""The parts of STS that must know who is really calling."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from airflow_provider_bedrock_rft.emulator.aws import policies
from airflow_provider_bedrock_rft.emulator.aws.authorization import may_assume
from airflow_provider_bedrock_rft.emulator.aws.wire import AwsReply

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.auth import Caller, KeyRing
    from airflow_provider_bedrock_rft.emulator.aws.wire import AwsRequest

OPERATIONS = frozenset({"GetCallerIdentity", "GetSessionToken"})
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def answer(operation: str, request: AwsRequest, caller: Caller, keys: KeyRing, *, now: float) -> AwsReply:
    """The reply to one of :data:`OPERATIONS`."""
    if operation == "GetCallerIdentity":
        result = _tags(Arn=caller.principal_arn, UserId=caller.user_id, Account=caller.account)
        return _reply(operation, result)
    seconds = int(parse_qs(request.body.decode()).get("DurationSeconds", ["43200"])[0])
    session = keys.issue_session(
        caller.account, caller.principal_arn, user_id=caller.user_id, expires_at=now + seconds, now=now
    )
    credentials = _tags(
        AccessKeyId=session.access_key_id,
        SecretAccessKey=session.secret,
        SessionToken=session.session_token or "",
        Expiration=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + seconds)),
    )
    return _reply(operation, f"<Credentials>{credentials}</Credentials>")


def refused_role(request: AwsRequest, caller: Caller) -> str | None:
    """Why the caller may not assume the role that an ``AssumeRole`` names; None when it may, or when none is named.

    The root of the role's account may wherever the trust policy names that account; at AWS it never may.
    """
    fields = parse_qs(request.body.decode("utf-8", "replace")) or parse_qs(request.query)
    arn = fields.get("RoleArn", [""])[0]
    if arn.count(":") != 5:
        return None  # for others to refuse
    role = policies.find_role(arn)
    if role is not None and may_assume(caller.principal_arn, role):
        return None
    return f"User: {caller.principal_arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"


def _tags(**values: str) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())


def _reply(operation: str, result: str) -> AwsReply:
    body = (
        f'<{operation}Response xmlns="{_NAMESPACE}"><{operation}Result>{result}</{operation}Result>'
        f"<ResponseMetadata><RequestId>local</RequestId></ResponseMetadata></{operation}Response>"
    ).encode()
    return AwsReply(status=200, headers=(("content-type", "text/xml"), ("content-length", str(len(body)))), body=body)
