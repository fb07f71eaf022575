"""One exam for every ``IntentStore``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.errors import InvalidPayload, ResourceNotFound

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.clients.intents import S3Intents
    from airflow_provider_bedrock_rft.core.ports import IntentStore


def test_nothing_is_there_before_it_is_written(intents: IntentStore) -> None:
    assert intents.read("dag/run/task/001") is None


def test_what_is_written_is_read_at_once_and_may_be_replaced(intents: IntentStore) -> None:
    for number in range(3):
        intents.write("dag/run/task/001", {"number": number, "text": "é", "deep": {"list": [1, None]}})
        assert intents.read("dag/run/task/001") == {"number": number, "text": "é", "deep": {"list": [1, None]}}


def test_only_the_first_creation_counts(intents: IntentStore) -> None:
    assert intents.create("claims/1", {"token": "a"})
    assert not intents.create("claims/1", {"token": "b"})
    assert intents.read("claims/1") == {"token": "a"}


def test_keys_do_not_meet(intents: IntentStore) -> None:
    intents.write("a/1", {"n": 1})
    intents.write("a/1/send-002", {"n": 2})
    assert intents.read("a/1") == {"n": 1}
    assert intents.read("a") is None


def test_of_many_creations_at_once_one_wins(intents: IntentStore) -> None:
    for round_ in range(5):
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(lambda n, r=round_: intents.create(f"claims/{r}", {"token": n}), range(8)))
        assert sum(won) == 1
        assert intents.read(f"claims/{round_}") == {"token": won.index(True)}


def test_a_missing_bucket_is_an_error_and_not_a_missing_intent(emulator: Any) -> None:
    store = emulator.session().intents("s3://rft-no-such-bucket/x")
    with pytest.raises(ResourceNotFound, match="bucket"):
        store.read("a")


def test_a_damaged_intent_names_its_place(s3_intents: S3Intents, emulator: Any) -> None:
    s3_intents.write("a", {})
    place = s3_intents._place("a")
    emulator.session().client("s3").put_object(**place, Body=b"half a docu")
    with pytest.raises(InvalidPayload, match=f"s3://{place['Bucket']}/{place['Key']} is not a JSON object"):
        s3_intents.read("a")


def test_a_lost_reply_to_a_creation_that_won_is_recognised(emulator: Any, s3_intents: S3Intents) -> None:
    """botocore sends the request again after the dropped reply, and is told that the object exists."""
    emulator.control("POST", "faults", method="PUT", path=r".*claims/7\.json", times=1, reset="after")
    assert s3_intents.create("claims/7", {"token": "mine"})
    assert not s3_intents.create("claims/7", {"token": "other"})
