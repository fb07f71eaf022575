"""Tell an SNS topic, through Airflow's Amazon provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.notifications.notice import to_subject, to_text
from airflow_provider_bedrock_rft.notifications.notifier import RunNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.notifications.notice import Notice


class BedrockRftSnsNotifier(RunNotifier):
    """Publishes the decision as text, with a link to the page that has the curve: SNS carries no pictures.

    ``dag_id``, ``run_id`` and ``verdict`` are message attributes, so that a subscription can filter by them.

    Args:
        target_arn: Topic (or platform endpoint).
        kwargs: As for every notifier of this package; ``aws_conn_id`` and ``region_name`` are the topic's too.
    """

    template_fields = (*RunNotifier.template_fields, "target_arn")

    def __init__(self, *, target_arn: str, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "has_picture": False})
        self.target_arn = target_arn

    def tell(self, notice: Notice, picture: bytes, context: Context) -> None:  # noqa: ARG002 -- SNS carries no pictures
        """Publish one message."""
        from airflow.providers.amazon.aws.notifications.sns import SnsNotifier

        notifier = SnsNotifier(
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            target_arn=self.target_arn,
            subject=to_subject(notice),
            message=to_text(notice),
            message_attributes=dict(notice.facts),
        )
        # notify, not the call: what strangers have written must not be rendered as a template
        notifier.notify(context)  # type: ignore[no-untyped-call]
