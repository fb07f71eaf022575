"""Each notifier, through Airflow's own, to somebody who listens."""

from __future__ import annotations

import json
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from airflow_provider_bedrock_rft.notifications.email import BedrockRftEmailNotifier
from airflow_provider_bedrock_rft.notifications.slack import BedrockRftSlackNotifier
from airflow_provider_bedrock_rft.notifications.sns import BedrockRftSnsNotifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    Context = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.airflow

PNG = b"\x89PNG\r\n"
LINK = "http://airflow.test/team/dags/tutor/runs/manual__1%2B1/plugin/bedrock-rft-run#comparison"


def mailed(mailbox: Any) -> EmailMessage:
    (mail,) = mailbox.mails
    return message_from_bytes(mail, policy=policy.default)


@pytest.fixture
def mailer(training: Any) -> BedrockRftEmailNotifier:
    pytest.importorskip("airflow.providers.smtp")
    pytest.importorskip("matplotlib")
    notifier = BedrockRftEmailNotifier(to=["owner@example.com", "boss@example.com"], smtp_conn_id="smtp_sink")
    notifier.bedrock_rft_hook = training
    return notifier


class TestEmail:
    def test_carries_the_decision_as_a_table_and_the_curve_as_a_picture(
        self, mailer: BedrockRftEmailNotifier, mailbox: Any, context: Context
    ) -> None:
        mailer(context())
        mail = mailed(mailbox)
        assert (mail["Subject"], mail["From"]) == ("tutor: promote", "airflow@example.com")
        assert mailbox.recipients == ["owner@example.com", "boss@example.com"]
        html, picture = mail.iter_parts()
        assert picture.get_filename() == "reward.png"
        assert picture.get_content().startswith(PNG)
        page = html.get_content()
        assert "0.2500 [0.1000, 0.4000]" in page or "+0.25" in page
        assert "cid:reward.png" in page
        assert LINK in page

    def test_what_strangers_wrote_is_neither_rendered_nor_run(
        self, mailer: BedrockRftEmailNotifier, mailbox: Any, context: Context
    ) -> None:
        mailer(context())
        page = next(iter(mailed(mailbox).iter_parts())).get_content()
        assert "{{ 7 * 7 }}&lt;script&gt;" in page
        assert "<script>" not in page

    def test_goes_without_a_picture_and_says_why(
        self, mailer: BedrockRftEmailNotifier, unreachable: Any, mailbox: Any, context: Context
    ) -> None:
        mailer.bedrock_rft_hook = unreachable
        mailer(context())
        (html,) = mailed(mailbox).iter_parts()
        assert "No answer from the endpoint. Check the network." in html.get_content()
        assert "cid:" not in html.get_content()

    def test_tells_what_failed(self, mailer: BedrockRftEmailNotifier, mailbox: Any, context: Context) -> None:
        mailer(context(exception=ValueError("the grader is broken")))
        mail = mailed(mailbox)
        assert mail["Subject"] == "tutor: gate failed"
        assert "ValueError: the grader is broken" in next(iter(mail.iter_parts())).get_content()

    async def test_goes_out_of_an_event_loop_too(
        self, mailer: BedrockRftEmailNotifier, mailbox: Any, context: Context
    ) -> None:
        mailer.context = context()  # type: ignore[assignment]
        await mailer
        assert mailed(mailbox)["Subject"] == "tutor: promote"


class TestSlack:
    @pytest.fixture
    def poster(self, training: Any) -> BedrockRftSlackNotifier:
        pytest.importorskip("airflow.providers.slack")
        pytest.importorskip("matplotlib")
        notifier = BedrockRftSlackNotifier(channel="C0123456789", slack_conn_id="slack_sink")
        notifier.bedrock_rft_hook = training
        return notifier

    def test_posts_the_table_and_uploads_the_picture(
        self, poster: BedrockRftSlackNotifier, slack: Any, context: Context
    ) -> None:
        poster(context())
        message = slack.asked("chat.postMessage")
        header, table, link = json.loads(message["blocks"])
        assert (message["channel"], header["text"]["text"]) == ("C0123456789", "tutor: promote")
        assert "difference" in table["text"]["text"]
        assert "&lt;script&gt;" in table["text"]["text"]
        assert link["text"]["text"] == f"<{LINK}|Open the run in Airflow>"
        (uploaded,) = slack.uploads
        assert PNG in uploaded
        assert slack.asked("files.completeUploadExternal")["channel_id"] == "C0123456789"

    def test_posts_without_a_picture_where_there_is_no_job(
        self, poster: BedrockRftSlackNotifier, slack: Any, context: Context
    ) -> None:
        poster(context({("train", "job_id"): None}))
        assert [method for method, _ in slack.calls] == ["chat.postMessage"]


class TestSns:
    def test_reaches_a_subscriber_through_the_emulator(self, emulator: str, context: Context) -> None:
        where: dict[str, Any] = {
            "endpoint_url": emulator,
            "region_name": "us-west-2",
            "aws_access_key_id": "AKIALOCALEMULATOR001",
            "aws_secret_access_key": "local-emulator-secret",
        }
        sns, sqs = boto3.client("sns", **where), boto3.client("sqs", **where)
        name = f"rft-{uuid4().hex[:8]}"
        topic = sns.create_topic(Name=name)["TopicArn"]
        queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

        BedrockRftSnsNotifier(target_arn=topic, aws_conn_id="emulator")(context())

        (heard,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
        envelope = json.loads(heard["Body"])
        assert envelope["Subject"] == "tutor: promote"
        assert "8 won, 2 lost" in envelope["Message"]
        assert envelope["Message"].endswith(LINK)
        assert envelope["MessageAttributes"]["verdict"]["Value"] == "promote"
