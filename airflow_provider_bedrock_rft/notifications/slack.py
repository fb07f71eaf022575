"""Tell in a Slack channel, through Airflow's Slack provider."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.notifications.notice import PICTURE, to_blocks, to_text
from airflow_provider_bedrock_rft.notifications.notifier import RunNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.notifications.notice import Notice


class BedrockRftSlackNotifier(RunNotifier):
    """Posts the decision as a table and uploads the reward curve; needs ``apache-airflow-providers-slack``.

    Args:
        channel: Id of the channel; the bot has to be in it. Its token needs ``chat:write`` and ``files:write``.
        slack_conn_id: Airflow connection of type ``slack``, with the token as its password.
        username: The name that the message bears.
        kwargs: As for every notifier of this package.
    """

    template_fields = (*RunNotifier.template_fields, "channel", "slack_conn_id", "username")

    def __init__(
        self,
        *,
        channel: str,
        slack_conn_id: str = "slack_api_default",
        username: str = "Bedrock RFT",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channel = channel
        self.slack_conn_id = slack_conn_id
        self.username = username

    def tell(self, notice: Notice, picture: bytes, context: Context) -> None:
        """Post the message, then the picture below it."""
        from airflow.providers.slack.notifications.slack import SlackNotifier

        notifier = SlackNotifier(
            slack_conn_id=self.slack_conn_id,
            channel=self.channel,
            username=self.username,
            text=to_text(notice),
            blocks=to_blocks(notice),
            unfurl_links=False,
        )
        notifier.notify(context)  # type: ignore[no-untyped-call]
        if not picture:
            return
        with TemporaryDirectory(prefix="bedrock-rft-") as folder:
            file = Path(folder, PICTURE)
            file.write_bytes(picture)
            notifier.hook.send_file_v1_to_v2(channels=self.channel, file=file, title=f"{notice.title}: reward by step")
