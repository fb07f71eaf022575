"""The table is total over what botocore's models, urllib3 and the openai SDK can raise."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import botocore.exceptions
import botocore.parsers
import botocore.session
import httpx
import openai
import pytest
import urllib3.exceptions
from boto3.exceptions import Boto3Error, S3UploadFailedError

from airflow_provider_bedrock_rft.clients.error_table import ERROR_OF_CLASS, ERROR_OF_CODE
from airflow_provider_bedrock_rft.clients.translate import translate, translated
from airflow_provider_bedrock_rft.core import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE_SERVICES = ("bedrock", "bedrock-runtime", "s3", "lambda", "iam", "sts")
OPERATIONS = {
    "ssm": ("GetParameter", "PutParameter", "DeleteParameter", "GetParameterHistory", "GetParametersByPath"),
    "cloudwatch": ("GetMetricData", "PutMetricData"),
    "logs": ("FilterLogEvents", "GetLogEvents"),
}


def codes_of(service: str, operations: tuple[str, ...] | None = None) -> Iterator[str]:
    model = botocore.session.get_session().get_service_model(service)
    if operations is None:
        shapes = [model.shape_for(name) for name in model.shape_names]
        shapes = [shape for shape in shapes if shape.type_name == "structure" and shape.metadata.get("exception")]
    else:
        shapes = [shape for name in operations for shape in model.operation_model(name).error_shapes]
    for shape in shapes:
        yield shape.metadata.get("error", {}).get("code") or shape.name


def subclasses(cls: type[BaseException]) -> Iterator[type[BaseException]]:
    for child in cls.__subclasses__():
        yield child
        yield from subclasses(child)


@pytest.mark.parametrize("service", [*WHOLE_SERVICES, *OPERATIONS])
def test_every_code_of_the_models_is_in_the_table(service: str) -> None:
    codes = set(codes_of(service, OPERATIONS.get(service)))
    assert codes
    assert sorted(codes - set(ERROR_OF_CODE)) == []


@pytest.mark.parametrize(
    "root",
    [botocore.exceptions.BotoCoreError, Boto3Error, openai.OpenAIError, urllib3.exceptions.HTTPError],
)
def test_every_exception_class_of_the_sdks_is_translated(root: type[BaseException]) -> None:
    classes = [
        cls
        for cls in [root, *subclasses(root)]
        if cls.__module__.split(".")[0] in {"botocore", "boto3", "openai", "urllib3"}
    ]
    for cls in classes:
        error = cls.__new__(cls)
        error.partial = error.expected = error.length = error.response = 0  # type: ignore[attr-defined] # read by some when they are shown
        assert isinstance(translate(error, "Try"), errors.ServiceError), cls


def test_every_row_of_the_class_table_is_a_class_that_exists() -> None:
    known = {
        cls.__name__
        for module in (botocore.exceptions, botocore.parsers, openai, httpx, urllib3.exceptions)
        for cls in list(vars(module).values())
        if isinstance(cls, type)
    }
    known |= {cls.__name__ for root in (Boto3Error, openai.OpenAIError) for cls in [root, *subclasses(root)]}
    assert set(ERROR_OF_CLASS) - known <= {"ConnectionError", "SubjectTokenProviderError", "LoginError"}


def client_error(code: str, status: int = 400, message: str = "The sentence.") -> botocore.exceptions.ClientError:
    said = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(said, "DoIt")  # type: ignore[arg-type]


def status_error(status: int, body: Any, headers: dict[str, str] | None = None) -> openai.APIStatusError:
    """As the SDK makes it: the ``error`` object of the body is its ``body``."""
    client = openai.OpenAI(api_key="x", base_url="http://127.0.0.1:1/v1")
    request = openai.DefaultHttpxClient().build_request("GET", "http://127.0.0.1:1/v1/x")
    response_class = type(client._client.build_request("GET", "http://127.0.0.1:1/")).__module__
    assert response_class
    import importlib

    stack = importlib.import_module(response_class.partition(".")[0])
    response = stack.Response(status, json=body, headers=headers, request=request)
    return client._make_status_error_from_response(response)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (client_error("ExpiredTokenException", 403), errors.InvalidCredentials),
        (client_error("SignatureDoesNotMatch", 403), errors.InvalidCredentials),
        (client_error("AccessDeniedException", 403), errors.AccessDenied),
        (client_error("ConflictException", 400), errors.ResourceConflict),
        (client_error("ThrottlingException", 429), errors.Throttled),
        (client_error("PreconditionFailed", 412), errors.ResourceConflict),
        (client_error("BrandNewException", 418), errors.RequestRejected),
        (client_error("BrandNewException", 503), errors.ServiceUnavailable),
        (client_error("BrandNewException", 404), errors.ResourceNotFound),
        (status_error(400, {"error": {"message": "m", "code": "validation_error"}}), errors.RequestRejected),
        (status_error(401, {"error": {"message": "m", "code": None}}), errors.InvalidCredentials),
        (status_error(403, {"message": "m"}), errors.AccessDenied),
        (
            status_error(403, {"message": "m"}, {"x-amzn-errortype": "ExpiredTokenException:http://x/"}),
            errors.InvalidCredentials,
        ),
        (status_error(404, {"error": {"message": "m"}}), errors.ResourceNotFound),
        (status_error(404, {}), errors.UnsupportedOperation),
        (status_error(405, {}), errors.UnsupportedOperation),
        (status_error(409, {"error": {"message": "m"}}), errors.ResourceConflict),
        (status_error(422, {"error": {"message": "m"}}), errors.RequestRejected),
        (status_error(429, {"error": {"message": "m"}}), errors.Throttled),
        (status_error(429, {"error": {"message": "m", "code": "insufficient_quota"}}), errors.QuotaExceeded),
        (status_error(503, {"error": {"message": "m"}}), errors.ServiceUnavailable),
    ],
)
def test_answers(error: Exception, expected: type[errors.ServiceError]) -> None:
    ours = translate(error, "Do it")
    assert type(ours) is expected


def test_the_services_sentence_the_operation_and_the_next_action_are_kept() -> None:
    ours = translate(client_error("AccessDeniedException", 403, "You may not."), "Create the function f")
    assert str(ours) == (
        "Create the function f failed: You may not."
        " Grant the identity of the AWS connection the action that is named here."
    )
    assert ours
    assert ours.details["code"] == "AccessDeniedException"
    assert str(pickle.loads(pickle.dumps(ours))) == str(ours)  # noqa: S301


def test_what_s3_answered_a_managed_transfer_is_what_counts() -> None:
    wrapped = S3UploadFailedError("Failed to upload x")
    wrapped.__cause__ = client_error("AccessDenied", 403)
    assert isinstance(translate(wrapped, "Upload"), errors.AccessDenied)


def test_ours_and_bugs_pass_untouched() -> None:
    for error in (errors.Throttled("mine"), KeyError("bug")):
        with pytest.raises(type(error)) as caught, translated("Do it"):
            raise error
        assert caught.value is error


def test_the_cause_is_kept() -> None:
    foreign = client_error("NoSuchKey", 404)
    with pytest.raises(errors.ResourceNotFound) as caught, translated("Read it"):
        raise foreign
    assert caught.value.__cause__ is foreign


@pytest.mark.parametrize(
    ("name", "sent"), [("EndpointConnectionError", False), ("ConnectTimeoutError", False), ("ReadTimeoutError", True)]
)
def test_a_request_that_never_left_is_told_apart(name: str, *, sent: bool) -> None:
    error = getattr(botocore.exceptions, name)(endpoint_url="http://x", error="e")
    ours = translate(error, "Try")
    assert isinstance(ours, errors.ConnectionLost)
    assert ours.details["request_sent"] is sent
