"""Tell by e-mail, through Airflow's SMTP provider."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.notifications.notice import PICTURE, to_html
from airflow_provider_bedrock_rft.notifications.notifier import RunNotifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.notifications.notice import Notice


class BedrockRftEmailNotifier(RunNotifier):
    """Sends the decision as a table with the reward curve attached; needs ``apache-airflow-providers-smtp``.

    Args:
        to: Addresses.
        from_email: The sender; the connection's when left out.
        smtp_conn_id: Airflow connection of type ``smtp``.
        kwargs: As for every notifier of this package.
    """

    template_fields = (*RunNotifier.template_fields, "to", "from_email", "smtp_conn_id")

    def __init__(
        self,
        *,
        to: str | Sequence[str],
        from_email: str | None = None,
        smtp_conn_id: str = "smtp_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.to = to
        self.from_email = from_email
        self.smtp_conn_id = smtp_conn_id

    def tell(self, notice: Notice, picture: bytes, context: Context) -> None:
        """Send one mail."""
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        with TemporaryDirectory(prefix="bedrock-rft-") as folder:
            file = Path(folder, PICTURE)
            if picture:
                file.write_bytes(picture)
            # notify, not the call: what strangers have written must not be rendered as a template
            SmtpNotifier(
                to=self.to,
                from_email=self.from_email,
                subject=notice.title,
                html_content=to_html(notice, has_picture=bool(picture)),
                files=[str(file)] if picture else None,
                mime_subtype="related",
                smtp_conn_id=self.smtp_conn_id,
            ).notify(context)
