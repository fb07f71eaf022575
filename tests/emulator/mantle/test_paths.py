from __future__ import annotations

import time
from typing import Any

import openai
import pytest


@pytest.mark.parametrize(
    "path",
    [
        "/openai/v1/files",
        "/openai/v1/fine_tuning/jobs",
        "/openai/v1/models",
        "/openai/v1/batches",
        "/v1/batches",
        "/v1/nothing",
        "/v1/fine_tuning/jobs/ftjob-x/pause",
    ],
)
def test_unknown_paths_are_404_with_an_empty_object(emulator: Any, path: str) -> None:
    method = "POST" if path.endswith("pause") else "GET"
    status, answer = emulator.call(method, path, headers={"authorization": f"Bearer {emulator.token()}"})
    assert (status, answer) == (404, {})


def test_models_are_listed_and_described(client: openai.OpenAI) -> None:
    listed = {model.id for model in client.models.list()}
    assert {"openai.gpt-oss-20b", "qwen.qwen3-32b"} <= listed
    model = client.models.retrieve("qwen.qwen3-32b-v1:0")
    assert (model.id, model.owned_by) == ("qwen.qwen3-32b", "local-sim")
    with pytest.raises(openai.NotFoundError, match="The model 'nope' does not exist"):
        client.models.retrieve("nope")


def test_base_models_cannot_be_deleted(client: openai.OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        client.models.delete("openai.gpt-oss-20b")


def test_projects_live_and_are_archived(emulator: Any) -> None:
    status, project = emulator.call("POST", "/v1/organization/projects", {"name": "rft", "tags": {"a": "1"}})
    assert status == 200
    assert project["status"] == "active"
    place = f"/v1/organization/projects/{project['id']}"
    _, changed = emulator.call("POST", place, {"name": "new", "add_tags": {"b": "2"}, "remove_tag_keys": ["a"]})
    assert (changed["name"], changed["tags"]) == ("new", {"b": "2"})
    assert emulator.call("POST", f"{place}/archive")[1]["status"] == "archived"
    assert project["id"] in {item["id"] for item in emulator.call("GET", "/v1/organization/projects")[1]["data"]}
    assert emulator.call("GET", "/v1/organization/projects/default")[1]["id"] == "default"
    assert emulator.call("GET", "/v1/organization/projects/proj_x")[0] == 404


def test_data_retention(emulator: Any) -> None:
    assert emulator.call("GET", "/v1/data_retention")[1]["mode"] in {"inherit", "none"}
    assert emulator.call("PUT", "/v1/data_retention", {"mode": "none"})[1] == {"mode": "none"}
    assert emulator.call("PUT", "/v1/data_retention", {"mode": "eternal"})[0] == 400


def test_request_ids_are_in_every_reply_and_all_different(emulator: Any) -> None:
    with openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token(), max_retries=0) as client:
        replies = [client.models.with_raw_response.list() for _ in range(3)]
        with pytest.raises(openai.NotFoundError) as caught:
            client.files.retrieve("nope")
    ids = {reply.headers["x-request-id"] for reply in replies} | {caught.value.request_id}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("token", "status"),
    [("", 401), ("Bearer nonsense", 401), ("Bearer bedrock-api-key-AAAA", 401)],
)
def test_bad_keys_are_refused(emulator: Any, token: str, status: int) -> None:
    got, answer = emulator.call(
        "GET", "/v1/models", headers={"authorization": token} if token else {"authorization": ""}
    )
    assert got == status
    assert answer["error"]["type"] == "authentication_error"


def test_an_expired_key_is_refused(emulator: Any) -> None:
    from datetime import timedelta

    from aws_bedrock_token_generator import provide_token
    from botocore.credentials import Credentials

    class Keys:
        def load(self) -> Credentials:
            return Credentials("AKIALOCALEMULATOR001", "local-emulator-secret")

    token = provide_token(region="us-west-2", aws_credentials_provider=Keys(), expiry=timedelta(seconds=1))
    time.sleep(2.1)
    status, answer = emulator.call("GET", "/v1/models", headers={"authorization": f"Bearer {token}"})
    assert (status, answer["error"]["message"]) == (401, "The API key has expired.")


@pytest.mark.parametrize(
    ("region", "path", "status"),
    [
        ("us-west-2", "/v1/files", 200),
        ("us-east-1", "/v1/models", 200),
        ("us-east-1", "/v1/files", 403),
        ("us-east-1", "/v1/fine_tuning/jobs", 403),
        ("eu-west-3", "/v1/models", 403),
    ],
)
def test_a_key_of_another_region_is_refused_where_training_is(
    emulator: Any, region: str, path: str, status: int
) -> None:
    key = {"authorization": f"Bearer {emulator.token(region=region)}"}
    got, answer = emulator.call("GET", path, headers=key)
    assert got == status
    assert status == 200 or f"The API key is for {region}" in answer["error"]["message"]


def test_a_wrong_secret_and_an_unknown_key_are_refused(emulator: Any) -> None:
    for token in (emulator.token(secret="wrong"), emulator.token(key="AKIAUNKNOWN000000000")):
        assert emulator.call("GET", "/v1/models", headers={"authorization": f"Bearer {token}"})[0] == 401


def test_accounts_regions_do_not_see_each_other(emulator: Any) -> None:
    other = {"authorization": f"Bearer {emulator.token(region='us-east-1')}"}
    _, project = emulator.call("POST", "/v1/organization/projects", {"name": "west"})
    assert emulator.call("GET", f"/v1/organization/projects/{project['id']}", headers=other)[0] == 404


@pytest.mark.parametrize("service", ["bedrock", "bedrock-mantle"])
def test_sigv4_is_accepted_under_both_names(emulator: Any, service: str) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("GET", f"{emulator.url}/v1/models")
    SigV4Auth(Credentials("AKIALOCALEMULATOR001", "local-emulator-secret"), service, "us-west-2").add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert emulator.call("GET", "/v1/models", headers=headers)[0] == 200


def test_the_sdk_signs_its_own_way(emulator: Any) -> None:
    bedrock = getattr(openai, "BedrockOpenAI", None)
    if bedrock is None:
        pytest.skip("this openai has no BedrockOpenAI")
    with bedrock(
        base_url=f"{emulator.url}/v1",
        aws_region="us-west-2",
        aws_access_key_id="AKIALOCALEMULATOR001",
        aws_secret_access_key="local-emulator-secret",
    ) as client:
        assert client.chat.completions.create(
            model="openai.gpt-oss-20b", messages=[{"role": "user", "content": "2+2?"}]
        ).choices


def test_other_operations_of_bedrock_say_that_they_are_not_there(emulator: Any) -> None:
    import boto3
    from botocore.exceptions import ClientError

    client = boto3.client(
        "bedrock",
        endpoint_url=emulator.url,
        region_name="us-west-2",
        aws_access_key_id="AKIALOCALEMULATOR001",
        aws_secret_access_key="local-emulator-secret",
    )
    with pytest.raises(ClientError, match="not emulated") as caught:
        client.list_guardrails()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
