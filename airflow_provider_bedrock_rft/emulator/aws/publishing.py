"""Versions of functions as Lambda makes them, where the mounted implementation makes them otherwise.

That one compares neither ``CodeSha256`` nor ``RevisionId``, publishes unchanged content again after an update, gives a
deleted version's number to the next one, and is never in the middle of an update.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from moto.awslambda.models import LambdaFunction, LambdaStorage
from moto.backends import get_backend
from moto.core.utils import iso_8601_datetime_with_nanoseconds
from moto.moto_api._internal import mock_random

from airflow_provider_bedrock_rft.emulator.aws.invoke import lambda_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_bedrock_rft.emulator.aws.wire import AwsReply, AwsRequest

GUARDED = frozenset({"PublishVersion", "UpdateFunctionCode", "UpdateFunctionConfiguration"})
_NOT_CONTENT = frozenset(
    {"FunctionArn", "Version", "LastModified", "RevisionId", "State", "StateReason", "StateReasonCode"}
    | {"LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode"}
)

_configuration: Any = LambdaFunction.get_configuration
_update_code: Any = LambdaFunction.update_function_code
_update_configuration: Any = LambdaFunction.update_configuration
_put_function: Any = LambdaStorage.put_function


class Publishing:
    """In the place of moto's methods; to create or update takes ``settle_seconds`` of the time that ``now`` tells."""

    def __init__(self, now: Callable[[], float], settle_seconds: float) -> None:
        self._now = now
        self._settle_seconds = settle_seconds

    def bind(self) -> None:
        """Take that place."""
        publishing = self

        def get_configuration(function: Any, on_create: bool = False) -> dict[str, Any]:  # noqa: ANN401, FBT001, FBT002
            return {**_configuration(function, on_create), **publishing._progress(function)}

        def update_function_code(function: Any, spec: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
            if function.version == "$LATEST" and not spec.get(
                "DryRun"
            ):  # moto repeats the update on a version that it has just published
                _update_code(function, spec)
                publishing._change(function, "updating_until")
            return dict(function.get_configuration())

        def update_configuration(function: Any, changes: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
            _update_configuration(function, changes)
            publishing._change(function, "updating_until")
            return dict(function.get_configuration())

        def put_function(storage: Any, function: Any) -> None:  # noqa: ANN401
            _put_function(storage, function)
            publishing._change(function, "pending_until")

        replacements: list[tuple[type, str, Callable[..., Any]]] = [
            (LambdaFunction, "get_configuration", get_configuration),
            (LambdaFunction, "update_function_code", update_function_code),
            (LambdaFunction, "update_configuration", update_configuration),
            (LambdaStorage, "put_function", put_function),
            (LambdaStorage, "publish_version", _publish_version),
        ]
        for owner, name, method in replacements:
            setattr(owner, name, method)

    def refusal(self, operation: str, request: AwsRequest, function: Any | None) -> AwsReply | None:  # noqa: ANN401
        """Why an operation may not touch ``function``, moto's own ``$LATEST``, as it is now; None when it may."""
        if function is None:
            return None  # for others to refuse
        document = _document(request.body)
        if self._now() < getattr(function, "pending_until", 0.0):
            state = "The function is currently in the following state: Pending"
            return lambda_error(409, "ResourceConflictException", f"{_NOT_NOW} {state}")
        if self._now() < getattr(function, "updating_until", 0.0):
            progress = f"An update is in progress for resource: {function.function_arn}"
            return lambda_error(409, "ResourceConflictException", f"{_NOT_NOW} {progress}")
        if document.get("RevisionId") not in (None, function.revision_id):
            message = "The RevisionId provided does not match the latest RevisionId for the Lambda function."
            return lambda_error(
                412,
                "PreconditionFailedException",
                f"{message} Call the GetFunction or the GetAlias API to retrieve the latest RevisionId.",
            )
        digest = document.get("CodeSha256")
        if operation == "PublishVersion" and digest not in (None, "", function.code_sha_256):
            return lambda_error(
                400,
                "InvalidParameterValueException",
                f"CodeSHA256 ({digest}) is different from current CodeSHA256 in $LATEST ({function.code_sha_256}). "
                "Please try again with the CodeSHA256 in $LATEST.",
            )
        return None

    def _change(self, function: Any, until: str) -> None:  # noqa: ANN401
        """``$LATEST`` is another than before, and will be in use after a while."""
        function.revision_id = str(mock_random.uuid4())
        function.last_modified = iso_8601_datetime_with_nanoseconds()
        setattr(function, until, self._now() + self._settle_seconds)

    def _progress(self, function: Any) -> Mapping[str, str]:  # noqa: ANN401
        told = {"RevisionId": getattr(function, "revision_id", "")}
        if function.version != "$LATEST":
            return told
        if self._now() < getattr(function, "pending_until", 0.0):
            reason = {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}
            return {**told, "State": "Pending", **reason, "LastUpdateStatus": "InProgress"}
        if self._now() < getattr(function, "updating_until", 0.0):
            reason = {"LastUpdateStatusReason": "The function is being updated."}
            return {**told, "LastUpdateStatus": "InProgress", **reason}
        return told


_NOT_NOW = "The operation cannot be performed at this time."


def name_in(request: AwsRequest) -> str:
    """The function that a request's path names, by name or ARN, without a qualifier."""
    named = unquote(request.raw_path.strip("/").split("/")[2])
    return named.rpartition(":function:")[2].partition(":")[0]


def latest_of(name: str, *, account: str, region: str) -> Any | None:  # noqa: ANN401 -- moto's own
    """``$LATEST`` of a function, if there is one."""
    functions = get_backend("lambda")[account][region]._lambdas._functions  # noqa: SLF001
    return functions[name]["latest"] if name in functions else None


def _publish_version(storage: Any, name_or_arn: str, description: str = "") -> Any:  # noqa: ANN401
    """``$LATEST``, frozen; the last version where nothing has changed since then. Numbers are not given twice."""
    latest = storage.get_function_by_name_or_arn_forbid_qualifier(name_or_arn)
    held = storage._functions[latest.function_name]  # noqa: SLF001
    content = {name: value for name, value in _configuration(latest).items() if name not in _NOT_CONTENT}
    if held["versions"] and held["versions"][-1].published_content == content:
        return held["versions"][-1]
    version = copy.copy(latest)
    latest.n_published = getattr(latest, "n_published", 0) + 1
    version.set_version(latest.n_published)
    version.revision_id = str(mock_random.uuid4())
    version.published_content = copy.deepcopy(content)
    version.code, version.environment_vars = dict(latest.code), dict(latest.environment_vars)
    if description:
        version.description = description
    held["versions"].append(version)
    storage._arns[version.function_arn] = version  # noqa: SLF001
    return version


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
