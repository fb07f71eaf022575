"""Train: create the job exactly once, and wait for it."""

from __future__ import annotations

from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import conf

from airflow_provider_bedrock_rft.assets import describe_event
from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.grader.tier import require_pinned
from airflow_provider_bedrock_rft.core.job.ending import Ending
from airflow_provider_bedrock_rft.core.job.spec import JobSpec
from airflow_provider_bedrock_rft.core.job.submission import SubmissionPolicy
from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan, was_stopped_by_clear
from airflow_provider_bedrock_rft.deferral import WaitingTask, confirm
from airflow_provider_bedrock_rft.hooks import stages
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS, plane_of
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.inputs import (
    FINGERPRINT,
    GRADER,
    TRAINING_DATA,
    hyperparameters_of,
    is_true,
    one_of,
    text_of,
)
from airflow_provider_bedrock_rft.hooks.intents import generation_of, intents_of, key_of
from airflow_provider_bedrock_rft.hooks.oversight import budget_of, oversight_of, price_of
from airflow_provider_bedrock_rft.links import (
    BedrockRftGraderLink,
    BedrockRftGraderLogsLink,
    BedrockRftJobLink,
    BedrockRftPageLink,
    ShowsLinks,
    grader_links,
    job_url,
)
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.job.job import Job
    from airflow_provider_bedrock_rft.core.job.oversight import Oversight
    from airflow_provider_bedrock_rft.core.job.submission import Submission
    from airflow_provider_bedrock_rft.core.ports import TrainingService
    from airflow_provider_bedrock_rft.hooks.inputs import Given, Text
    from airflow_provider_bedrock_rft.hooks.lineage import StageFacts
    from airflow_provider_bedrock_rft.triggers.watch import Arrival

ON_KILL_SECONDS = 20.0
"""How long a killed task waits for its job to be stopped; Airflow itself kills it for good a few seconds later."""

WAKEABLE_POLL_SECONDS = 300.0
"""Between two looks of a task that events wake."""


class BedrockRftCreateJobOperator(ShowsLinks, WaitingTask, BedrockRftOperator):
    """Train a model: exactly one job, however often the task is tried, and wait until it has ended.

    A retry attaches to the job that runs; after a failed job it starts the next attempt, up to ``max_attempts``. Clear
    grants new attempts; what Clear does after a success says ``on_success_rerun``. The log tells which it was.

    Returns the payload ``rft.job`` (``job_id``, ``tuned_model``, …); with ``wait_for_completion=False`` the payload
    ``rft.submission``. The job's id is also pushed under the key ``job_id`` as soon as it is known.

    Args:
        model: Base model id.
        dataset: File id (or S3 URI), or the output of ``BedrockRftUploadDatasetOperator``.
        grader: ARN of a published Lambda version, or the output of ``BedrockRftDeployGraderOperator``.
        hyperparameters: Fields of ``RftHyperparameters``; the service's own names go into ``extra``.
        artifacts_uri: ``s3://bucket/prefix``; intents, the job's events and findings are written below it. May be left
            out on Airflow 3.3.
        job_name: Where the control plane has names; derived from the task when left out.
        plane: ``mantle`` (gpt-oss, Qwen), ``native`` (Nova), or ``auto``: the one that has the model.
        role_arn: Role that the native plane assumes; made, to do just what the job needs, when left out.
        output_s3_uri: Where the native plane writes its artefacts; below ``artifacts_uri`` when left out.
        invocation_logs: Fields of ``InvocationLogs``: train on logged prompts instead of a dataset (native plane).
        validation_data: S3 URI of a validation dataset (native plane).
        tags: Of job and model (native plane).
        wait_for_completion: Wait for the job's end.
        deferrable: Wait in the triggerer.
        wait_timeout_hours: Then waiting ends with an error; the job goes on, and a retry waits for the same job.
        poll_interval_seconds: Pause between two looks at a young job; it grows with the job's age.
        wake_queue: URL of an SQS queue into which an EventBridge rule puts the native plane's job state changes, which
            wake the task; ``poll_interval_seconds`` is then at least five minutes, a safety net.
        on_cancel: ``stop`` the job when this task is killed (default), or ``leave`` it.
        alarms: What follows from a finding of the running job's diagnosis, per rule: ``log`` (default), ``fail`` this
            task, ``stop`` the job too, or ``ignore``. ``default`` stands for the other rules.
        budget_hours: A job that is older is stopped, and this task fails.
        budget_cost: Likewise a job whose estimated cost, by ``prices``, is higher.
        prices: Your price list: model → price of an hour of its training. Used for ``budget_cost`` and the forecast.
        max_attempts: Jobs that may fail before the task does, however many retries it has.
        on_success_rerun: After Clear with unchanged inputs: ``adopt`` the earlier success, or ``train`` again.
        allow_unpinned_grader: Take a grader that could change under the running job.
        dry_run: Log the requests and the forecast, send nothing, and skip this task.
        kwargs: As for every operator of this package.
    """

    template_fields = (
        "model",
        "dataset",
        "grader",
        "hyperparameters",
        "artifacts_uri",
        "job_name",
        "role_arn",
        "output_s3_uri",
        "validation_data",
        "invocation_logs",
        "tags",
        "alarms",
        "budget_hours",
        "budget_cost",
        "prices",
        "wake_queue",
        *CONNECTION_FIELDS,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "dataset": "json",
        "grader": "json",
        "hyperparameters": "json",
        "invocation_logs": "json",
        "tags": "json",
        "alarms": "json",
    }
    operator_extra_links = (
        BedrockRftJobLink(),
        BedrockRftGraderLink(),
        BedrockRftGraderLogsLink(),
        BedrockRftPageLink(),
    )
    _release: Callable[[], None] | None = None
    _is_killed = False

    def __init__(
        self,
        *,
        model: str,
        grader: Given,
        dataset: Given | None = None,
        hyperparameters: Mapping[str, object] | None = None,
        artifacts_uri: Text | None = None,
        job_name: str = "",
        plane: str = "auto",
        role_arn: str = "",
        output_s3_uri: str = "",
        validation_data: str = "",
        invocation_logs: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        wait_timeout_hours: float = 24.0,
        poll_interval_seconds: float = 15.0,
        wake_queue: str = "",
        on_cancel: str = "stop",
        alarms: Mapping[str, str] | None = None,
        budget_hours: float | str | None = None,
        budget_cost: float | str | None = None,
        prices: Mapping[str, float] | None = None,
        max_attempts: int = 2,
        on_success_rerun: str = "adopt",
        allow_unpinned_grader: bool = False,
        dry_run: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model, self.dataset, self.grader = model, dataset, grader
        self.hyperparameters = hyperparameters
        self.artifacts_uri = artifacts_uri
        self.job_name = job_name
        self.plane = one_of("plane", plane, "auto", "mantle", "native")
        self.role_arn, self.output_s3_uri = role_arn, output_s3_uri
        self.validation_data, self.invocation_logs = validation_data, invocation_logs
        self.tags = tags
        self.wait_for_completion, self.deferrable = wait_for_completion, deferrable
        self.wait_timeout_hours, self.poll_interval_seconds = wait_timeout_hours, poll_interval_seconds
        self.wake_queue = wake_queue
        self.on_cancel = one_of("on_cancel", on_cancel, "stop", "leave")
        self.alarms = alarms
        self.budget_hours, self.budget_cost, self.prices = budget_hours, budget_cost, prices
        self.max_attempts = max_attempts
        self.on_success_rerun = one_of("on_success_rerun", on_success_rerun, "adopt", "train")
        self.allow_unpinned_grader = allow_unpinned_grader
        self._dry_run = dry_run  # BaseOperator has a method of that name

    def execute(self, context: Context) -> dict[str, object]:
        """Submit, then wait."""
        return self._train(context)

    def _train(self, context: Context) -> dict[str, object]:
        with failing_fast():
            price = price_of(self.prices, self.model)
            budget = budget_of(self.budget_hours, self.budget_cost, price, self.model)
            run = (self.pipeline or context["ti"].dag_id, context["ti"].run_id)
            is_watched = self.wait_for_completion
            oversight = oversight_of(self.alarms, budget, self.artifacts_uri, is_watched=is_watched, run=run)
            if is_true(self.render_template(self._dry_run, context), "dry_run"):
                self._rehearse(context, price)
            submission = self._submit(context)
        self._tell(context, submission)
        if not self.wait_for_completion:
            return dump(submission)
        plan = self._plan(submission, oversight)
        return self._finish(context, self.wait(plan), plan)

    def execute_complete(self, context: Context, event: object = None, plan: object = None) -> dict[str, object]:
        """Go on after a deferral."""
        arrival, waited = self.arrival_of(event, plan)
        self._show_job(context, waited.job_id)
        return self._finish(context, arrival, waited)

    def on_kill(self) -> None:
        """Stop the job, once: the task was killed or ran out of time while it held a worker slot."""
        release, self._release, self._is_killed = self._release, None, True
        if release is None or self.on_cancel != "stop":
            return
        self.log.warning("The task is being killed: stopping its job (on_cancel='stop').")
        # A signal may have come in the middle of a call: a thread of its own cannot deadlock with what it interrupted.
        stopper = Thread(target=release, name="rft-on-kill", daemon=True)
        stopper.start()
        stopper.join(ON_KILL_SECONDS)

    def spec(self) -> JobSpec:
        """What is to be trained, from the rendered fields.

        Raises:
            InvalidInput: A field is missing or malformed.
        """
        from airflow_provider_bedrock_rft.hooks.planes import logs_of

        grader_arn = text_of(self.grader, "grader", GRADER)
        require_pinned(grader_arn, allow_unpinned=self.allow_unpinned_grader)
        logs = logs_of(self.invocation_logs)
        has_payload = not logs and not isinstance(self.dataset, str)
        return JobSpec(
            model=text_of(self.model, "model", {}),
            training_data=logs.s3_uri if logs else text_of(self.dataset, "dataset", TRAINING_DATA),
            grader_arn=grader_arn,
            hyperparameters=hyperparameters_of(self.hyperparameters),
            dataset_fingerprint=text_of(self.dataset, "dataset", FINGERPRINT) if has_payload else "",
            name=self.job_name,
            role_arn=self.role_arn,
            output_s3_uri=self.output_s3_uri,
            validation_data=self.validation_data,
            tags=self.tags or {},
            invocation_logs=logs,
        )

    def _submit(self, context: Context) -> Submission:
        from airflow_provider_bedrock_rft.core.steps.job import release_job, submit_job
        from airflow_provider_bedrock_rft.hooks.planes import submit_on

        key = key_of(context)
        training, planned = self._planned()
        intents = intents_of(context, self.hook, self.artifacts_uri)
        self._release = lambda: _quietly(lambda: release_job(training, intents, key=key))
        policy = SubmissionPolicy(
            max_attempts=self.max_attempts,
            on_success_rerun="train" if self.on_success_rerun == "train" else "adopt",
            generation=generation_of(context),
        )

        def submit(spec: JobSpec) -> Submission:
            return submit_job(training, intents, key=key, spec=spec, clock=self.clock, policy=policy)

        submission = submit_on(self.hook, training, planned, submit, clock=self.clock)
        if self._is_killed and self.on_cancel == "stop":  # killed before there was anything to stop
            release_job(training, intents, key=key)
        return submission

    def _planned(self) -> tuple[TrainingService, JobSpec]:
        from airflow_provider_bedrock_rft.hooks.planes import training_on, with_output

        spec = self.spec()
        training = training_on(self.hook, self.plane, spec.model)
        return training, with_output(training, spec, self.artifacts_uri)

    def _rehearse(self, context: Context, price: float | None) -> NoReturn:
        from airflow.providers.common.compat.sdk import AirflowSkipException

        from airflow_provider_bedrock_rft.hooks.planes import rehearse

        training, spec = self._planned()
        place, key = self.artifacts_uri, key_of(context)
        for line in rehearse(
            self.hook, training, spec, key=key, dataset=self.dataset, artifacts_uri=place, price_per_hour=price
        ):
            self.log.info(line)
        raise AirflowSkipException("dry_run: nothing was sent, and nothing is trained.")

    def _tell(self, context: Context, submission: Submission) -> None:
        self.log.info(submission.story())
        context["ti"].xcom_push(key="job_id", value=submission.job_id)
        self._show_job(context, submission.job_id)

    def _show_job(self, context: Context, job_id: str) -> None:
        if self.hook.client_config.endpoint_url:
            return  # an emulator has no console
        if job_id.startswith("arn:"):
            self.show_link(context, BedrockRftJobLink, job_url(self.hook.region_name, job_id))
        for link, url in grader_links(text_of(self.grader, "grader", GRADER)):
            self.show_link(context, link, url)

    def _plan(self, submission: Submission, oversight: Oversight) -> WaitPlan:
        pause = max(self.poll_interval_seconds, WAKEABLE_POLL_SECONDS if self.wake_queue else 0.0)
        return WaitPlan(
            job_id=submission.job_id,
            created_at=min(submission.created_at, self.clock.now()),  # the service's clock may be ahead of ours
            deadline_at=self.clock.now() + self.wait_timeout_hours * 3600,
            min_poll_seconds=pause,
            max_poll_seconds=max(120.0, pause),
            oversight=oversight,
            attached_at=self.clock.now() if submission.is_inherited else 0.0,
        )

    def _finish(self, context: Context, arrival: Arrival, plan: WaitPlan) -> dict[str, object]:
        if not isinstance(arrival, Ending):
            raise InvalidInput("This task waits for the end of a job, and was told of a checkpoint.")
        if self.on_cancel == "stop" and was_stopped_by_clear(arrival, plan, self.clock.now()):
            self.log.info("Clear has stopped job %s after this try had attached to it: training anew.", plan.job_id)
            return self._train(context)
        with failing_fast():
            job = confirm(arrival, plane_of(self.hook, arrival.job_id))
        self.log.info("Job %s has made the model %s.", job.job_id, job.tuned_model)
        describe_event(context, {"job_id": job.job_id, "model": job.tuned_model, "base_model": job.model})
        self.record(context, lambda: self._facts_of(job))
        return dump(job)

    def _facts_of(self, job: Job) -> StageFacts:
        from airflow_provider_bedrock_rft.core.job.curve import Curve

        curve = Curve().extended(plane_of(self.hook, job.job_id).list_events(job.job_id))
        return stages.of_job(job, self.spec(), curve)


def _quietly(action: Callable[[], object]) -> None:
    """A dying task has nobody left to tell."""
    with suppress(Exception):
        action()
