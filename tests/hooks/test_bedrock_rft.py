"""An ordinary Airflow AWS connection, in all its forms, becomes clients."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.errors import InvalidCredentials, InvalidInput
from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Connect = "Callable[..., None]"


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def add(conn_id: str = "rft", *, keys: bool = True, conn_type: str = "aws", **extra: object) -> None:
        connection: dict[str, object] = {"conn_type": conn_type, "extra": extra}
        if keys:
            connection |= {"login": "AKIDEXAMPLE", "password": "secret"}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))

    return add


@pytest.fixture
def sts() -> Iterator[tuple[str, list[str]]]:
    """An STS that lends the role out, and says who is asking."""
    bodies: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            bodies.append(body)
            action = "AssumeRole" if "Action=AssumeRole" in body else "GetCallerIdentity"
            said = {
                "AssumeRole": "<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                "<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
                "<AssumedRoleUser><AssumedRoleId>A:x</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/r/x</Arn>"
                "</AssumedRoleUser>",
                "GetCallerIdentity": "<Arn>arn:aws:iam::123456789012:user/u</Arn><UserId>U</UserId>"
                "<Account>123456789012</Account>",
            }[action]
            space = "https://sts.amazonaws.com/doc/2011-06-15/"
            self._say(f'<{action}Response xmlns="{space}"><{action}Result>{said}</{action}Result></{action}Response>')

        def do_GET(self) -> None:
            self._say('{"data": [], "has_more": false}', "application/json")

        def _say(self, text: str, kind: str = "text/xml") -> None:
            raw = text.encode()
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    server.server_close()


def credentials_of(hook: BedrockRftHook) -> Any:
    return hook.session.boto.get_credentials().get_frozen_credentials()


def test_importing_the_hook_loads_neither_sdk() -> None:
    script = (
        "import sys; import airflow_provider_bedrock_rft.hooks.bedrock_rft;"
        "sys.exit(bool({'boto3', 'botocore', 'openai'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_keys_region_and_endpoint(connect: Any) -> None:
    connect(region_name="us-west-2", endpoint_url="http://127.0.0.1:9")
    hook = BedrockRftHook("rft")
    assert credentials_of(hook).access_key == "AKIDEXAMPLE"
    assert hook.region_name == "us-west-2"
    assert hook.client_config.mantle_base_url == "http://127.0.0.1:9/v1"
    assert hook.session.client("s3").meta.endpoint_url == "http://127.0.0.1:9"
    assert hook.session.client("lambda").meta.region_name == "us-west-2"


def test_without_an_endpoint_the_real_hosts_are_called(connect: Any) -> None:
    connect(region_name="us-west-2")
    hook = BedrockRftHook("rft")
    assert hook.client_config.mantle_base_url == "https://bedrock-mantle.us-west-2.api.aws/v1"
    assert hook.session.client("lambda").meta.endpoint_url == "https://lambda.us-west-2.amazonaws.com"


def test_the_hooks_region_wins(connect: Any) -> None:
    connect(region_name="us-east-1")
    hook = BedrockRftHook("rft", region_name="us-west-2")
    assert hook.region_name == "us-west-2"
    assert hook.session.client("ssm").meta.region_name == "us-west-2"


def test_one_services_own_endpoint(connect: Any) -> None:
    connect(
        region_name="us-west-2",
        endpoint_url="http://127.0.0.1:9",
        service_config={"s3": {"endpoint_url": "http://127.0.0.1:10"}, "bedrock-mantle": {"endpoint_url": "http://m"}},
    )
    hook = BedrockRftHook("rft")
    assert hook.session.client("s3").meta.endpoint_url == "http://127.0.0.1:10"
    assert hook.session.client("ssm").meta.endpoint_url == "http://127.0.0.1:9"
    assert hook.client_config.mantle_base_url == "http://m/v1"


def test_a_role_is_assumed_at_the_connections_endpoint(connect: Any, sts: Any) -> None:
    """The Amazon provider would assume it at the real STS."""
    url, bodies = sts
    connect(region_name="us-west-2", endpoint_url=url, role_arn="arn:aws:iam::123456789012:role/r")
    hook = BedrockRftHook("rft")
    credentials = credentials_of(hook)
    assert (credentials.access_key, credentials.token) == ("ASIAROLE", "t")
    assert "RoleArn=arn" in bodies[0]


def test_a_profile(connect: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[trainer]\naws_access_key_id=AKIDPROFILE\naws_secret_access_key=s\n")
    (tmp_path / "config").write_text("[profile trainer]\nregion=us-west-2\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    connect(keys=False, profile_name="trainer")
    hook = BedrockRftHook("rft")
    assert credentials_of(hook).access_key == "AKIDPROFILE"
    assert hook.region_name == "us-west-2"


def test_a_profile_that_is_not_there(connect: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    connect(keys=False, profile_name="nobody", region_name="us-west-2")
    with pytest.raises(InvalidCredentials, match=r"connection 'rft'.*nobody"):
        _ = BedrockRftHook("rft").client_config


def test_no_connection_means_botos_own_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    hook = BedrockRftHook(None, region_name="us-west-2")
    assert credentials_of(hook).access_key == "AKIDENV"


def test_verify_and_botocore_options_are_passed_on(connect: Any, tmp_path: Path) -> None:
    import certifi

    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(open(certifi.where(), "rb").read())  # noqa: PTH123, SIM115
    connect(region_name="us-west-2", verify=str(bundle), config_kwargs={"read_timeout": 7})
    hook = BedrockRftHook("rft")
    assert hook.client_config.verify == str(bundle)
    assert hook.session.client("ssm").meta.config.read_timeout == 7
    assert hook.client_config.create_timeout_seconds == hook.client_config.read_timeout_seconds == 7
    assert hook.training is hook.session.training
    assert BedrockRftHook("rft", verify=False).client_config.verify is False


def test_a_missing_connection_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_NOWHERE", raising=False)
    with pytest.raises(InvalidInput, match=r"connection 'nowhere' does not exist.*airflow connections add nowhere"):
        _ = BedrockRftHook("nowhere").training


def test_a_connection_of_another_type_is_refused(connect: Any) -> None:
    connect(conn_type="http", region_name="us-west-2")
    with pytest.raises(InvalidInput, match="of type 'http', not 'aws'"):
        _ = BedrockRftHook("rft").training


def test_a_connection_without_region_is_refused(connect: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    connect()
    with pytest.raises(InvalidInput, match=r"region.*connection 'rft'.*region_name"):
        _ = BedrockRftHook("rft").training


def test_testing_a_connection_says_who_one_is(connect: Any, sts: Any) -> None:
    connect(region_name="us-west-2", endpoint_url=sts[0])
    ok, message = BedrockRftHook("rft").test_connection()
    assert ok
    assert message == "arn:aws:iam::123456789012:user/u in us-west-2 can use Bedrock fine-tuning."


@pytest.mark.parametrize("conn_id", ["rft", "nowhere"])
def test_testing_a_connection_that_does_not_work_says_why(connect: Any, conn_id: str) -> None:
    connect(
        region_name="us-west-2", endpoint_url="http://127.0.0.1:9", config_kwargs={"retries": {"total_max_attempts": 1}}
    )
    ok, message = BedrockRftHook(conn_id).test_connection()
    assert not ok
    assert "http://127.0.0.1:9" in message or "'nowhere' does not exist" in message


def test_threads_share_one_session(connect: Any) -> None:
    connect(region_name="us-west-2", endpoint_url="http://127.0.0.1:9")
    hook = BedrockRftHook("rft")
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: id(hook.training), range(32)))) == 1


def test_intents_live_below_the_given_uri(connect: Any) -> None:
    connect(region_name="us-west-2")
    hook = BedrockRftHook("rft")
    assert hook.intents("s3://my-bucket/a") is hook.intents("s3://my-bucket/a")
    with pytest.raises(InvalidInput, match="S3 URI"):
        hook.intents("not-a-uri")


def test_the_registry_may_be_mlflows(connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    connect(region_name="us-west-2", registry_uri="sqlite:////nowhere/registry.db")
    assert BedrockRftHook("rft").client_config.registry_uri == "sqlite:////nowhere/registry.db"
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InvalidInput, match="MLflow is not installed"):
        _ = BedrockRftHook("rft").parameters


def test_without_a_registry_uri_it_is_ssm(connect: Callable[..., None]) -> None:
    connect(region_name="us-west-2")
    assert type(BedrockRftHook("rft").parameters).__name__ == "SsmParameters"
