"""Have a model of the native plane answer a dataset in one batch job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import TaskDeferred, conf

from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.inputs import MODEL, text_of, whole_number
from airflow_provider_bedrock_rft.hooks.payloads import to_xcom
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.evaluation.batch import BatchJob
    from airflow_provider_bedrock_rft.core.ports import CompletionRequest
    from airflow_provider_bedrock_rft.core.steps.batch_inference import BatchWait
    from airflow_provider_bedrock_rft.hooks.inputs import Given, Text


class BedrockRftBatchInferenceOperator(BedrockRftOperator):
    """Ask a model every prompt of a dataset in a batch job, at half the price and in hours.

    One job for the same questions to the same model, however often the task is tried, cleared or run again: its answers
    are taken over. A job that failed is followed by another one in the next try. Returns the payload
    ``rft.batch_inference``, whose ``output_uri`` holds Bedrock's ``.jsonl.out`` files. A task that is killed leaves the
    job running.

    Args:
        model: Base model, inference profile or custom model's ARN, or the output of a task that has one; no deployment.
        dataset: JSONL, a local path or ``s3://`` URI; of each record the messages are asked.
        role_arn: Role that Bedrock assumes to read the questions and write the answers.
        artifacts_uri: ``s3://bucket/prefix`` for both.
        max_tokens: Upper bound of a completion.
        temperature: 0 asks for the greedy completion.
        deferrable: Wait in the triggerer instead of holding a worker slot.
        wait_timeout_hours: Then the task fails; the job goes on, and a retry waits for the same job.
        poll_interval_seconds: Pause between two looks.
        kwargs: As for every operator of this package.
    """

    template_fields = ("model", "dataset", "role_arn", "artifacts_uri", "max_tokens", *CONNECTION_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"model": "json"}

    def __init__(
        self,
        *,
        model: Given,
        dataset: Text,
        role_arn: str,
        artifacts_uri: Text,
        max_tokens: int | str = 2048,
        temperature: float = 0.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        wait_timeout_hours: float = 24.0,
        poll_interval_seconds: float = 60.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.dataset = dataset
        self.role_arn = role_arn
        self.artifacts_uri = artifacts_uri
        self.max_tokens = max_tokens
        self.temperature = temperature
        self.deferrable = deferrable
        self.wait_timeout_hours = wait_timeout_hours
        self.poll_interval_seconds = poll_interval_seconds

    def execute(self, context: Context) -> dict[str, object]:
        """Ask, and wait."""
        return self._infer(context, self.clock.now() + self.wait_timeout_hours * 3600)

    def execute_complete(
        self,
        context: Context,
        event: object = None,  # noqa: ARG002 -- the job is looked at again
        deadline_at: float = 0.0,
    ) -> dict[str, object]:
        """Go on after a deferral: the questions are the same, and so is their job."""
        return self._infer(context, deadline_at)

    def _infer(self, context: Context, deadline_at: float) -> dict[str, object]:
        from airflow_provider_bedrock_rft.core.steps.batch_inference import BatchRoom, await_batch

        with failing_fast():
            place = text_of(self.artifacts_uri, "artifacts_uri", {})
            model = text_of(self.model, "model", MODEL)
            room = BatchRoom(self.hook.batch, self.hook.objects, artifacts_uri=place)
            order = room.order(self._questions(model), model=model, role_arn=self.role_arn)
            job_id = room.job_of(order)
            self.log.info("Batch job %s answers %s.", job_id, order.input_uri)
            context["ti"].xcom_push(key="job_id", value=job_id)
            done = await_batch(self.hook.batch, order, job_id, wait=self._wait(deadline_at), clock=self.clock)
        self.log.info("%s: %s of %s questions processed.", done.status, done.n_done, done.n_records)
        return to_xcom(done)

    def _questions(self, model: str) -> list[tuple[str, CompletionRequest]]:
        from airflow_provider_bedrock_rft.core.ports import CompletionRequest, Message
        from airflow_provider_bedrock_rft.hooks.files import read_all

        records = read_all(self.hook.objects, text_of(self.dataset, "dataset", {}))
        most = whole_number(self.max_tokens, "max_tokens")
        return [
            (
                f"{number:011}",  # eleven characters, as Bedrock documents
                CompletionRequest(
                    model=model,
                    messages=tuple(Message(role=said.role, content=said.content) for said in record.messages),
                    max_tokens=most,
                    temperature=self.temperature,
                ),
            )
            for number, record in enumerate(records)
        ]

    def _wait(self, deadline_at: float) -> BatchWait:
        from airflow_provider_bedrock_rft.core.steps.batch_inference import BatchWait

        def hand_over(job: BatchJob) -> None:
            self._hand_over(job.job_id, deadline_at)

        return BatchWait(
            deadline_at=deadline_at,
            pause_seconds=self.poll_interval_seconds,
            wait=hand_over if self.deferrable else None,
        )

    def _hand_over(self, job_id: str, deadline_at: float) -> NoReturn:
        from airflow_provider_bedrock_rft.triggers.readiness import BedrockRftReadinessTrigger

        trigger = BedrockRftReadinessTrigger(
            batch_job=job_id,
            deadline_at=deadline_at,
            poll_seconds=self.poll_interval_seconds,
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
        )
        kwargs = {"deadline_at": deadline_at}
        raise TaskDeferred(trigger=trigger, method_name="execute_complete", kwargs=kwargs)
