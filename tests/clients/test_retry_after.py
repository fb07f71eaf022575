from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from airflow_provider_bedrock_rft.clients.translate import translate


@pytest.mark.parametrize(("header", "seconds"), [("2.5", 2.5), ("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_the_pause_a_service_asks_for_is_passed_on(header: str, seconds: float | None) -> None:
    error = ClientError(
        {
            "Error": {"Code": "ThrottlingException", "Message": "slow down"},
            "ResponseMetadata": {"HTTPStatusCode": 429, "HTTPHeaders": {"retry-after": header}},
        },
        "Converse",
    )
    ours = translate(error, "Ask")
    assert ours is not None
    assert ours.details.get("retry_after_seconds") == seconds
