"""Which control plane a task trains on, and what that plane needs beyond what the task was given."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidJobSpec, RftError
from airflow_provider_bedrock_rft.core.job.plane import Plane, plane_of_model
from airflow_provider_bedrock_rft.core.job.spec import InvocationLogs
from airflow_provider_bedrock_rft.hooks.inputs import fields_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.job.forecast import PastRun
    from airflow_provider_bedrock_rft.core.job.plan import PlannedRequest
    from airflow_provider_bedrock_rft.core.job.spec import JobSpec
    from airflow_provider_bedrock_rft.core.job.submission import Submission
    from airflow_provider_bedrock_rft.core.ports import TrainingService
    from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook


def training_on(hook: BedrockRftHook, plane: str, model: str = "") -> TrainingService:
    """The control plane of that name; ``auto`` is the one that has the model."""
    chosen = plane_of_model(model) if plane == "auto" else Plane(plane)
    return hook.native_training if chosen is Plane.NATIVE else hook.training


def logs_of(given: Mapping[str, object] | None) -> InvocationLogs | None:
    """Invocation logs as a template left them.

    Raises:
        InvalidInput: A field is unknown, missing, or of the wrong type.
    """
    return fields_of(given, "invocation_logs", InvocationLogs) if given else None


def with_output(training: TrainingService, spec: JobSpec, artifacts_uri: object) -> JobSpec:
    """The spec with a place for the artefacts, on a plane that works from S3.

    Raises:
        InvalidJobSpec: There is none; or the plane cannot train on logs.
    """
    if training.capabilities.stores_files:
        if spec.invocation_logs:
            raise InvalidJobSpec("Only the native plane trains on invocation logs.", action="Give a dataset.")
        return spec
    if not spec.training_data.startswith("s3://"):
        raise InvalidJobSpec(
            f"The native plane trains from S3, and the dataset is {spec.training_data!r}.",
            action="Upload it with plane='native', or give an s3:// URI.",
        )
    if spec.output_s3_uri:
        return spec
    if not artifacts_uri:
        raise InvalidJobSpec(
            "The native plane needs a place for its artefacts.", action="Give output_s3_uri or artifacts_uri."
        )
    place = text_of(artifacts_uri, "artifacts_uri", {})
    return replace(spec, output_s3_uri=f"{place.rstrip('/')}/jobs")


def needs_role(training: TrainingService, spec: JobSpec) -> bool:
    """True when the plane reads S3 and calls the grader through a role, and none was given."""
    return not training.capabilities.stores_files and not spec.role_arn


def submit_on(
    hook: BedrockRftHook,
    training: TrainingService,
    spec: JobSpec,
    submit: Callable[[JobSpec], Submission],
    *,
    clock: Clock,
) -> Submission:
    """Submit; where the plane wants a role and none was given, with one that may do just what this job needs."""
    from airflow_provider_bedrock_rft.core.steps.role import insist_while_role_is_new, with_role

    if not needs_role(training, spec):
        return submit(spec)
    with_made_role = with_role(hook.roles, spec)
    return insist_while_role_is_new(lambda: submit(with_made_role), clock=clock)


def rehearse(
    hook: BedrockRftHook,
    training: TrainingService,
    spec: JobSpec,
    *,
    key: str,
    dataset: object,
    artifacts_uri: object,
    price_per_hour: float | None,
) -> Iterator[str]:
    """The requests of a first attempt and the forecast, as lines of a log; only who we are is asked.

    Raises:
        InvalidJobSpec: The service's model would refuse a field.
    """
    from airflow_provider_bedrock_rft.core.job.forecast import NATIVE, PlaneConstants, forecast_job
    from airflow_provider_bedrock_rft.core.job.plan import plan_lines

    constants = PlaneConstants() if training.capabilities.stores_files else NATIVE
    n_records = records_of(dataset)
    past = earlier_runs(hook, artifacts_uri, spec.model)
    forecast = n_records and forecast_job(
        spec.hyperparameters, n_records=n_records, plane=constants, past=past, price_per_hour=price_per_hour
    )
    yield from plan_lines(list(_requests(hook, training, spec, key)), forecast or None)


def earlier_runs(hook: BedrockRftHook, artifacts_uri: object, model: str) -> list[PastRun]:
    """Earlier jobs of this model that left their manifests below ``artifacts_uri``; none where that cannot be read."""
    from airflow_provider_bedrock_rft.core.steps.forecast import past_runs

    if not isinstance(artifacts_uri, str) or not artifacts_uri.startswith("s3://"):
        return []
    with suppress(RftError):
        return past_runs(hook.objects, artifacts_uri=artifacts_uri, model=model)
    return []


def _requests(hook: BedrockRftHook, training: TrainingService, spec: JobSpec, key: str) -> Iterator[PlannedRequest]:
    from airflow_provider_bedrock_rft.core.job.attempt import Attempt
    from airflow_provider_bedrock_rft.core.job.plan import PlannedRequest
    from airflow_provider_bedrock_rft.core.job.role import training_role_name, training_role_policy

    if needs_role(training, spec):
        policy = training_role_policy(spec)
        role = training_role_name(policy)
        yield PlannedRequest(operation="CreateRole and PutRolePolicy", parameters={"name": role, "policy": policy})
        spec = replace(spec, role_arn=f"arn:aws:iam::{hook.roles.account_id()}:role/{role}")
    attempt = Attempt.to_train(spec, key=key, number=1, generation="", now=0.0)
    has_names = training.capabilities.has_job_names
    named = replace(spec, name=attempt.job_name) if has_names else spec
    operation = "CreateModelCustomizationJob" if has_names else "POST /v1/fine_tuning/jobs"
    yield PlannedRequest(operation=operation, parameters=training.request_for(named, token=attempt.token))


def records_of(dataset: object) -> int | None:
    """How many records the uploaded dataset has, where the payload says so."""
    number = dataset.get("n_records") if isinstance(dataset, Mapping) else None
    return number if isinstance(number, int) and number >= 0 else None
