"""Signatures are checked for real: botocore, and the token generator of the vendor, are the other side."""

from __future__ import annotations

import base64
import datetime as dt
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from aws_bedrock_token_generator import BedrockTokenGenerator
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.emulator.auth import (
    ROOT_ACCOUNT,
    ROOT_KEY,
    ROOT_SECRET,
    Authenticator,
    AuthError,
    KeyRing,
    error_reply,
)

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "http://127.0.0.1:4566"
Scope = dict[str, Any]


def scope_of(request: AWSRequest) -> tuple[Scope, bytes]:
    prepared = request.prepare()
    url = urlsplit(prepared.url)
    headers = [
        (name.lower().encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in prepared.headers.items()
        if name.lower() != "host"
    ]
    body = prepared.body or b""
    return {
        "method": prepared.method,
        "path": url.path,
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "headers": [*headers, (b"host", url.netloc.encode())],
    }, body if isinstance(body, bytes) else body.encode()


def signed(
    service: str = "lambda",
    path: str = "/2015-03-31/functions/f/invocations",
    *,
    body: bytes = b"{}",
    key: str = ROOT_KEY,
    secret: str = ROOT_SECRET,
    token: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[Scope, bytes]:
    request = AWSRequest("POST", URL + path, data=body, headers=headers or {"content-type": "application/json"})
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(Credentials(key, secret, token), service, "us-west-2").add_auth(request)
    return scope_of(request)


@pytest.fixture
def door() -> Authenticator:
    return Authenticator(KeyRing({"222222222222": ("AKIAOTHER", "other-secret")}))


def refusal(call: Callable[[], object]) -> AuthError:
    with pytest.raises(AuthError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("service", ["lambda", "iam", "sts", "ssm", "s3", "bedrock", "bedrock-mantle", "logs"])
def test_a_right_signature_tells_the_caller(door: Authenticator, service: str) -> None:
    caller = door.authenticate(*signed(service))
    assert (caller.account, caller.region, caller.service) == (ROOT_ACCOUNT, "us-west-2", service)
    assert caller.principal_arn == f"arn:aws:iam::{ROOT_ACCOUNT}:root"
    assert caller.access_key_id == ROOT_KEY


def test_each_account_has_its_own_keys(door: Authenticator) -> None:
    assert door.authenticate(*signed(key="AKIAOTHER", secret="other-secret")).account == "222222222222"


@pytest.mark.parametrize(
    ("service", "target", "codes"),
    [
        ("s3", None, ("InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed")),
        ("sts", None, ("InvalidClientTokenId", "SignatureDoesNotMatch", "SignatureDoesNotMatch")),
        ("lambda", None, ("UnrecognizedClientException", "InvalidSignatureException", "InvalidSignatureException")),
        ("ssm", "AmazonSSM.GetParameter", ("UnrecognizedClientException", "InvalidSignatureException", "InvalidSignatureException")),
    ],
)  # fmt: skip
def test_refusals_have_the_protocols_own_codes(
    door: Authenticator, service: str, target: str | None, codes: tuple[str, ...]
) -> None:
    headers = {"x-amz-target": target} if target else None
    late = Authenticator(door.keys, now=lambda: time.time() + 1000)
    errors = [
        refusal(lambda: door.authenticate(*signed(service, key="AKIANOBODY", headers=headers))),
        refusal(lambda: door.authenticate(*signed(service, secret="wrong", headers=headers))),
        refusal(lambda: late.authenticate(*signed(service, headers=headers))),
    ]
    assert tuple(error.code for error in errors) == codes
    assert {error.status for error in errors} == {403}


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("body", b'{"other": 1}'),
        ("method", "PUT"),
        ("raw_path", b"/2015-03-31/functions/g/invocations"),
        ("query_string", b"Qualifier=2"),
    ],
)
def test_a_changed_request_is_refused(door: Authenticator, change: str, value: object) -> None:
    scope, body = signed()
    if change == "body":
        error = refusal(lambda: door.authenticate(scope, value))  # type: ignore[arg-type]
    else:
        error = refusal(lambda: door.authenticate({**scope, change: value}, body))
    assert error.code == "InvalidSignatureException"


def test_a_body_that_is_not_the_stated_one_is_refused(door: Authenticator) -> None:
    scope, _ = signed("s3", "/bucket/key")
    assert refusal(lambda: door.authenticate(scope, b"other")).code == "XAmzContentSHA256Mismatch"


@pytest.mark.parametrize(
    "stated", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"]
)
def test_a_payload_that_is_not_signed_may_be_anything(door: Authenticator, stated: str) -> None:
    request = AWSRequest("PUT", URL + "/bucket/key", data=b"", headers={"x-amz-content-sha256": stated})
    signer = SigV4Auth(Credentials(ROOT_KEY, ROOT_SECRET), "s3", "us-west-2")
    signer.payload = lambda _: stated  # type: ignore[method-assign]
    signer._normalize_url_path = lambda path: path  # type: ignore[method-assign]
    signer.add_auth(request)
    scope, _ = scope_of(request)
    assert door.authenticate(scope, b"5\r\nhello\r\n0\r\n\r\n").account == ROOT_ACCOUNT


@pytest.mark.parametrize(
    ("headers", "path", "code"),
    [
        ([], "/", "AccessDenied"),
        ([(b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")], "/", "MissingAuthenticationToken"),
        ([(b"x-amz-target", b"AmazonSSM.GetParameter")], "/", "MissingAuthenticationTokenException"),
        ([], "/v1/files", "invalid_api_key"),
    ],
)
def test_an_unsigned_request_is_refused(
    door: Authenticator, headers: list[tuple[bytes, bytes]], path: str, code: str
) -> None:
    scope = {"method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
    assert refusal(lambda: door.authenticate(scope, b"")).code == code


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=200))
def test_no_authorization_header_breaks_the_door(text: str) -> None:
    door = Authenticator(KeyRing())
    for value in (
        text,
        f"AWS4-HMAC-SHA256 {text}",
        f"AWS4-HMAC-SHA256 Credential={text}, SignedHeaders=host, Signature=0",
    ):
        headers = [(b"authorization", value.encode("latin-1")), (b"host", b"h"), (b"x-amz-date", b"20261120T000000Z")]
        scope = {"method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": headers}
        refusal(lambda scope=scope: door.authenticate(scope, b""))  # type: ignore[misc]


class TestSessions:
    def issue(self, door: Authenticator, expires_in: float = 60) -> tuple[str, str, str]:
        now = time.time()
        session = door.keys.issue_session("333333333333", "arn:x", user_id="u", expires_at=now + expires_in, now=now)
        assert session.session_token is not None
        return session.access_key_id, session.secret, session.session_token

    def test_a_session_needs_its_token(self, door: Authenticator) -> None:
        key, secret, token = self.issue(door)
        assert door.authenticate(*signed(key=key, secret=secret, token=token)).account == "333333333333"
        for wrong in (None, "other"):
            error = refusal(lambda wrong=wrong: door.authenticate(*signed(key=key, secret=secret, token=wrong)))  # type: ignore[misc]
            assert error.code == "UnrecognizedClientException"

    def test_an_expired_session_is_refused(self, door: Authenticator) -> None:
        key, secret, token = self.issue(door, expires_in=-1)
        error = refusal(lambda: door.authenticate(*signed(key=key, secret=secret, token=token)))
        assert error.code == "ExpiredTokenException"

    def test_a_revoked_session_is_unknown(self, door: Authenticator) -> None:
        key, secret, token = self.issue(door)
        door.keys.revoke(key)
        error = refusal(lambda: door.authenticate(*signed(key=key, secret=secret, token=token)))
        assert error.code == "UnrecognizedClientException"


class TestPresigned:
    def presign(self, key: str = "a b+ü/c", seconds: int = 60) -> Scope:
        client = boto3.client(
            "s3", endpoint_url=URL, region_name="us-west-2", aws_access_key_id=ROOT_KEY, aws_secret_access_key=ROOT_SECRET,
            config=boto3.session.Config(signature_version="s3v4"),
        )  # fmt: skip
        url = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": key}, ExpiresIn=seconds)
        return scope_of(AWSRequest("GET", url))[0]

    def test_a_presigned_url_is_as_good_as_a_signature(self, door: Authenticator) -> None:
        assert door.authenticate(self.presign(), b"").service == "s3"

    def test_it_expires(self, door: Authenticator) -> None:
        late = Authenticator(door.keys, now=lambda: time.time() + 61)
        scope = self.presign()
        assert refusal(lambda: late.authenticate(scope, b"")).message == "Request has expired"

    def test_it_is_for_one_object(self, door: Authenticator) -> None:
        scope = {**self.presign("one"), "raw_path": b"/bucket/other"}
        assert refusal(lambda: door.authenticate(scope, b"")).code == "SignatureDoesNotMatch"


class TestBedrockKeys:
    def mint(self, *, secret: str = ROOT_SECRET, region: str = "us-west-2") -> str:
        return BedrockTokenGenerator().get_token(Credentials(ROOT_KEY, secret), region)

    def bearer(self, token: str) -> tuple[Scope, bytes]:
        headers = [(b"authorization", f"Bearer {token}".encode())]
        return {
            "method": "GET",
            "path": "/v1/models",
            "raw_path": b"/v1/models",
            "query_string": b"",
            "headers": headers,
        }, b""

    def test_a_minted_key_tells_the_caller(self, door: Authenticator) -> None:
        caller = door.authenticate(*self.bearer(self.mint()))
        assert (caller.account, caller.region, caller.service) == (ROOT_ACCOUNT, "us-west-2", "bedrock")

    def test_a_key_of_a_session_works(self, door: Authenticator) -> None:
        now = time.time()
        held = door.keys.issue_session(ROOT_ACCOUNT, "arn:x", user_id="u", expires_at=now + 60, now=now)
        credentials = Credentials(held.access_key_id, held.secret, held.session_token)
        token = BedrockTokenGenerator().get_token(credentials, "us-west-2")
        assert door.authenticate(*self.bearer(token)).principal_arn == "arn:x"

    def test_it_expires(self, door: Authenticator) -> None:
        late = Authenticator(door.keys, now=lambda: time.time() + 12 * 3600 + 1)
        token = self.mint()
        assert refusal(lambda: late.authenticate(*self.bearer(token))).status == 401

    def test_one_from_the_future_is_refused(self, door: Authenticator) -> None:
        early = Authenticator(door.keys, now=lambda: time.time() - 3600)
        assert refusal(lambda: early.authenticate(*self.bearer(self.mint()))).status == 401

    def test_another_region_is_forbidden(self, door: Authenticator) -> None:
        pinned = Authenticator(door.keys, region="us-west-2")
        assert refusal(lambda: pinned.authenticate(*self.bearer(self.mint(region="us-east-1")))).status == 403
        assert pinned.authenticate(*self.bearer(self.mint())).region == "us-west-2"

    @pytest.mark.parametrize(
        "token",
        [
            "sk-something",
            "bedrock-api-key-",
            "bedrock-api-key-%%%",
            "bedrock-api-key-" + base64.b64encode(b"example.com/?Action=CallWithBearerToken").decode(),
            "bedrock-api-key-" + base64.b64encode(b"bedrock.amazonaws.com/?Action=Other").decode(),
            "bedrock-api-key-" + base64.b64encode(b"\xff\xfe").decode(),
        ],
    )
    def test_what_is_no_key_is_refused(self, door: Authenticator, token: str) -> None:
        error = refusal(lambda: door.authenticate(*self.bearer(token)))
        assert (error.status, error.code) == (401, "invalid_api_key")

    def test_a_wrong_secret_is_refused(self, door: Authenticator) -> None:
        assert refusal(lambda: door.authenticate(*self.bearer(self.mint(secret="wrong")))).status == 401

    def test_a_longer_life_than_allowed_is_refused(self, door: Authenticator) -> None:
        request = AWSRequest("POST", "https://bedrock.amazonaws.com/", headers={"host": "bedrock.amazonaws.com"},
                             params={"Action": "CallWithBearerToken"})  # fmt: skip
        SigV4QueryAuth(Credentials(ROOT_KEY, ROOT_SECRET), "bedrock", "us-west-2", expires=90_000).add_auth(request)
        token = "bedrock-api-key-" + base64.b64encode((request.url[8:] + "&Version=1").encode()).decode()
        assert refusal(lambda: door.authenticate(*self.bearer(token))).status == 401


@pytest.mark.parametrize("protocol", ["s3", "query", "json", "rest-json", "mantle"])
def test_errors_are_written_in_every_protocol(protocol: Any) -> None:
    answer = error_reply(protocol, status=403, code="Refused", message="a <b> & c", request_id="r-1")
    assert answer.status == 403
    if protocol in ("s3", "query"):
        assert b"<Code>Refused</Code>" in answer.body
        assert b"a &lt;b&gt; &amp; c" in answer.body
    else:
        assert "a <b> & c" in json.dumps(json.loads(answer.body))


def test_dates_of_other_days_do_not_match_their_scope(door: Authenticator) -> None:
    scope, body = signed()
    yesterday = (dt.datetime.fromtimestamp(time.time(), tz=dt.timezone.utc) - dt.timedelta(days=1)).strftime("%Y%m%d")
    today = time.strftime("%Y%m%d", time.gmtime())
    headers = [
        (name, value.replace(f"/{today}/".encode(), f"/{yesterday}/".encode()) if name == b"authorization" else value)
        for name, value in scope["headers"]
    ]
    assert refusal(lambda: door.authenticate({**scope, "headers": headers}, body)).code == "InvalidSignatureException"
