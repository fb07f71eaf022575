"""The operator that all of ours are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_bedrock_rft.hooks.connected import ConnectedTask
from airflow_provider_bedrock_rft.hooks.lineage import manifest_of
from airflow_provider_bedrock_rft.links import BedrockRftPageLink

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from airflow.providers.common.compat.sdk import BaseOperatorLink
    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.hooks.inputs import Text
    from airflow_provider_bedrock_rft.hooks.lineage import StageFacts


class BedrockRftOperator(ConnectedTask, BaseOperator):
    """A step of the pipeline: a declaration, and one call in ``execute``.

    Args:
        aws_conn_id: Airflow connection of type ``aws``; ``None`` uses the worker's own credentials.
        region_name: Overrides the connection's region.
        kwargs: What every Airflow operator takes.
    """

    ui_color = "#e7ecff"
    operator_extra_links: Collection[BaseOperatorLink] = (BedrockRftPageLink(),)
    artifacts_uri: Text | None = None
    pipeline: str = ""
    _facts: StageFacts | None = None

    def __init__(
        self, *, aws_conn_id: str | None = "aws_default", region_name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    def record(self, context: Context, describe: Callable[[], StageFacts]) -> None:
        """Write the stage's manifest below ``artifacts_uri``, where there is one; never fails the task."""
        from airflow_provider_bedrock_rft.hooks.openlineage import is_heard

        place = self.artifacts_uri
        has_place = isinstance(place, str) and place.startswith("s3://")
        if not has_place and not is_heard():
            return
        try:
            from airflow_provider_bedrock_rft.core.steps.lineage import write_manifest

            self._facts = describe()
            if has_place:
                manifest = manifest_of(self._facts, context, pipeline=self.pipeline, now=self.clock.now())
                write_manifest(self.hook.objects, manifest, artifacts_uri=str(place))
        except Exception as error:  # noqa: BLE001 -- the work is done and paid for; its record must not undo it
            self.log.warning("This task's lineage manifest could not be written: %s", error)

    def get_openlineage_facets_on_complete(self, task_instance: object) -> Any:  # noqa: ANN401, ARG002 - optional provider
        """Inputs, outputs, hyper-parameters, results and grader version; OpenLineage's provider calls this."""
        from airflow_provider_bedrock_rft.hooks.openlineage import lineage_of

        return lineage_of(self._facts) if self._facts else None
