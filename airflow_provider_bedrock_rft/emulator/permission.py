"""What a request to either plane needs its caller to be allowed, as actions of IAM, and the check of it.

Callers are an account's root (may do anything), users, and sessions of roles. The action of a native operation is its
name, but for the conversations, which are ``InvokeModel``; Mantle's are those of the ``bedrock-mantle`` prefix.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.emulator.auth import AuthError
from airflow_provider_bedrock_rft.emulator.bedrock.foundation import foundation_model
from airflow_provider_bedrock_rft.emulator.bedrock.plane import SERVICES
from airflow_provider_bedrock_rft.emulator.modelled.service import Violation, modelled

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.exchange import Request
    from airflow_provider_bedrock_rft.emulator.mounting import AwsMount

_INVOKES = {"Converse": "InvokeModel", "ConverseStream": "InvokeModelWithResponseStream"}
# Where an operation's resource is named, and the kind of resource that a bare name or id stands for.
_IDENTIFIERS: Mapping[str, str] = {
    "jobIdentifier": "",
    "customModelDeploymentIdentifier": "custom-model-deployment",
    "provisionedModelId": "provisioned-model",
    "baseModelIdentifier": "custom-model",
    "modelIdentifier": "custom-model",
    "modelArn": "custom-model",
    "modelId": "custom-model",
    "resourceARN": "",
    "modelName": "custom-model",
}
_JOB_KINDS = {"Customization": "model-customization-job", "Invocation": "model-invocation-job"}
_MANTLE: Mapping[tuple[str, str], str] = {
    ("POST", "files"): "CreateFile",
    ("GET", "files"): "ListFiles",
    ("GET", "files/*"): "GetFile",
    ("GET", "files/*/content"): "GetFile",
    ("DELETE", "files/*"): "DeleteFile",
    ("POST", "fine_tuning/jobs"): "CreateFineTuningJob",
    ("GET", "fine_tuning/jobs"): "ListFineTuningJobs",
    ("GET", "fine_tuning/jobs/*"): "GetFineTuningJob",
    ("GET", "fine_tuning/jobs/*/events"): "GetFineTuningJob",
    ("GET", "fine_tuning/jobs/*/checkpoints"): "GetFineTuningJob",
    ("POST", "fine_tuning/jobs/*/cancel"): "CancelFineTuningJob",
    ("GET", "models"): "ListModels",
    ("GET", "models/*"): "GetModel",
    ("DELETE", "models/*"): "DeleteCustomizedModel",
    ("POST", "chat/completions"): "CreateInference",
    ("POST", "responses"): "CreateInference",
    ("GET", "responses/*"): "GetInference",
    ("DELETE", "responses/*"): "DeleteInference",
    ("POST", "organization/projects"): "CreateProject",
    ("GET", "organization/projects"): "ListProjects",
    ("GET", "organization/projects/*"): "GetProject",
    ("POST", "organization/projects/*"): "UpdateProject",
    ("POST", "organization/projects/*/archive"): "ArchiveProject",
    ("GET", "data_retention"): "GetAccountDataRetention",
    ("PUT", "data_retention"): "PutAccountDataRetention",
    ("POST", "data_retention"): "PutAccountDataRetention",
}
_FIXED = frozenset({"content", "events", "checkpoints", "cancel", "archive", "jobs", "completions", "projects"})
_WITH_MODEL = frozenset({"CreateInference", "CreateFineTuningJob"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """An action on a resource, with the condition keys of the request."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


class Guard:
    """Lets a request through, or says what its caller lacks."""

    def __init__(self, aws: AwsMount) -> None:
        self._aws = aws

    async def check_mantle(self, request: Request) -> None:
        """Let a request to Mantle through.

        Raises:
            AuthError: its caller may not.
        """
        if not request.principal.endswith(":root"):
            await self._check(request, list(mantle_needs(request)))

    async def check_native(self, request: Request) -> None:
        """Let a request to the native planes through; ``request.path`` is still percent-encoded.

        Raises:
            AuthError: its caller may not.
        """
        if not request.principal.endswith(":root"):
            await self._check(request, await asyncio.to_thread(lambda: list(native_needs(request))))

    async def _check(self, request: Request, needs: list[Need]) -> None:
        plane = await self._aws.plane()
        for need in needs:
            if why := plane.refusal(request.principal, need.action, need.resource, need.context):
                raise AuthError(403, "access_denied", why)


def mantle_needs(request: Request) -> Iterator[Need]:
    """What a request to Mantle needs; nothing where there is no such operation."""
    segments = request.path.removeprefix("/v1/").strip("/").split("/")
    shape = "/".join([segments[0], *(part if part in _FIXED else "*" for part in segments[1:])])
    action = _MANTLE.get((request.method, shape))
    if action is None:
        return
    if request.headers.get("authorization", "")[:7].lower() == "bearer ":
        yield Need(action="bedrock-mantle:CallWithBearerToken", resource="*")
    body = _document(request.body) if action in _WITH_MODEL else {}
    project = request.headers.get("openai-project") or "default"
    context = {}
    if isinstance(body.get("model"), str):
        context["bedrock-mantle:Model"] = body["model"]
    if shape.startswith("fine_tuning/jobs/*"):
        context["bedrock-mantle:FineTuningJob"] = segments[2]
    arn = f"arn:aws:bedrock-mantle:{request.region}:{request.account}:project/{project}"
    yield Need(action=f"bedrock-mantle:{action}", resource=arn, context=context)
    if action == "CreateFineTuningJob" and (grader := _grader_in(body)):
        yield Need(action="lambda:InvokeFunction", resource=grader)


def native_needs(request: Request) -> Iterator[Need]:
    """What a request to the native planes needs; nothing where it is refused anyway."""
    for name in SERVICES:
        service = modelled(name)
        found = service.find(request.method, request.path)
        if found is None:
            continue
        operation, labels = found
        try:
            params = service.read(operation, labels, request.query, request.headers, request.body)
        except Violation:
            return
        action = f"bedrock:{_INVOKES.get(operation.name, operation.name)}"
        for resource in _resources(operation.name, params, request):
            yield Need(action=action, resource=resource)
        if role := params.get("roleArn"):
            yield Need(action="iam:PassRole", resource=role, context={"iam:PassedToService": "bedrock.amazonaws.com"})
        return


def _resources(operation: str, params: Mapping[str, Any], request: Request) -> list[str]:
    """The ARNs that an operation is about; a star where it is about none."""
    if operation == "CreateEvaluationJob":
        return [_arn(request, f"evaluation-job/{params['jobName']}")]
    if "jobIdentifiers" in params:
        return list(params["jobIdentifiers"])
    for name, kind in _IDENTIFIERS.items():
        if isinstance(params.get(name), str):
            return [_resource(params[name], kind or _job_kind(operation), request)]
    return ["*"]


def _resource(identifier: str, kind: str, request: Request) -> str:
    if identifier.startswith("arn:"):
        return identifier
    base = foundation_model(identifier)
    if base is None or kind != "custom-model":
        return _arn(request, f"{kind}/{identifier}")
    is_profile = identifier.partition(".")[0] in {"us", "eu", "apac", "jp", "global"}
    return _arn(request, f"inference-profile/{identifier}") if is_profile else base.arn(request.region)


def _job_kind(operation: str) -> str:
    return next((kind for word, kind in _JOB_KINDS.items() if word in operation), "evaluation-job")


def _arn(request: Request, resource: str) -> str:
    return f"arn:aws:bedrock:{request.region}:{request.account}:{resource}"


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _grader_in(body: Mapping[str, Any]) -> str:
    """The function that a job names as its grader, if it does so rightly."""
    found: Any = body
    for name in ("method", "reinforcement", "grader", "lambda", "function"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) and found.startswith("arn:") else ""
