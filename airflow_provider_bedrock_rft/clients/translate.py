"""Foreign errors become ours, here and nowhere else.

Errors of botocore are told apart by the service's error code, errors of the openai SDK by code, class and HTTP status.
Neither SDK is imported for it: whoever raised the error has imported it already.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.core.errors import (
    AccessDenied,
    ConnectionLost,
    InvalidCredentials,
    QuotaExceeded,
    RequestRejected,
    ResourceConflict,
    ResourceNotFound,
    RftError,
    ServiceError,
    ServiceUnavailable,
    Throttled,
    UnsupportedOperation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CODES_BY_KIND: dict[type[ServiceError], str] = {
    InvalidCredentials: (
        "AuthFailure ExpiredToken ExpiredTokenException ExpiredTradeInTokenException IDPCommunicationError"
        " IDPRejectedClaim IncompleteSignature InvalidAccessKeyId InvalidAuthorizationMessageException"
        " InvalidClientTokenId InvalidIdentityToken InvalidSignatureException InvalidToken"
        " MissingAuthenticationToken NotAuthorized RequestExpired RequestTimeTooSkewed SignatureDoesNotMatch"
        " TokenRefreshRequired UnrecognizedClientException expired_token invalid_api_key"
    ),
    AccessDenied: (
        "AccessDenied AccessDeniedException AccountProblem AllAccessDisabled EC2AccessDeniedException"
        " EFSMountConnectivityException Forbidden KMSAccessDeniedException OptInRequired"
        " ServiceAccessNotPermittedException OutboundWebIdentityFederationDisabled UnauthorizedOperation"
        " RegionDisabledException UnmodifiableEntity UnmodifiableEntityException permission_denied"
    ),
    ResourceNotFound: (
        "404 NoSuchBucket NoSuchEntity NoSuchEntityException NoSuchKey NoSuchUpload NoSuchVersion NotFound"
        " NotFoundException ParameterNotFound ParameterVersionNotFound ResourceNotFound"
        " ResourceNotFoundException KMSNotFoundException FunctionVersionsPerCapacityProviderNotFound"
        " InvalidResourceId model_not_found"
    ),
    ResourceConflict: (
        "409 412 AliasLimitExceeded BucketAlreadyExists BucketAlreadyOwnedByYou ConcurrentModification"
        " ConcurrentModificationException ConditionalRequestConflict Conflict ConflictException DeleteConflict"
        " DeleteConflictException EntityAlreadyExists EntityAlreadyExistsException"
        " EntityTemporarilyUnmodifiable ObjectAlreadyInActiveTierError OperationAborted"
        " ParameterAlreadyExists PreconditionFailed PreconditionFailedException ResourceConflictException"
        " ResourceInUse ResourceInUseException TooManyUpdates AliasExists IdempotencyParameterMismatch"
        " IdempotentParameterMismatch HierarchyTypeMismatchException EncryptionTypeMismatch"
    ),
    QuotaExceeded: (
        "CapacityProviderLimitExceededException CodeStorageExceededException DashboardLimitExceeded"
        " EntityTooLarge FunctionVersionsLimitExceededException HierarchyLevelLimitExceededException"
        " LimitExceeded LimitExceededException ParameterLimitExceeded ParameterMaxVersionLimitExceeded"
        " PackedPolicyTooLarge PoliciesLimitExceededException ServiceQuotaExceededException TooManyParts"
        " TooManyTagsError TooManyTagsException insufficient_quota"
    ),
    Throttled: (
        "BandwidthLimitExceeded EC2ThrottledException ModelNotReadyException PriorRequestNotComplete"
        " ProvisionedThroughputExceededException RequestLimitExceeded RequestThrottled"
        " RequestThrottledException SlowDown Throttling ThrottlingException ThrottledException"
        " TooManyRequestsException TransactionInProgressException rate_limit_exceeded"
    ),
    ServiceUnavailable: (
        "500 502 503 504 EC2UnexpectedException InternalError InternalFailure InternalFault InternalServerError"
        " InternalServerException InternalServiceError InternalServiceException InternalServiceFault"
        " ModelErrorException ModelTimeoutException ModelStreamErrorException RequestTimeout"
        " RequestTimeoutException ResourceNotReadyException ServiceException ServiceFailure"
        " ServiceFailureException ServiceUnavailable ServiceUnavailableException SnapStartTimeoutException"
        " EFSIOException EFSMountTimeoutException S3FilesMountTimeoutException server_error"
    ),
    UnsupportedOperation: (
        "405 501 InvalidAction MethodNotAllowed NotImplemented UnknownOperationException"
        " UnsupportedOperation UnsupportedOperationException UnsupportedParameterType"
    ),
}

ERROR_OF_CODE: Mapping[str, type[ServiceError]] = {
    code: kind for kind, codes in _CODES_BY_KIND.items() for code in codes.split()
}
"""Service error code → our error. A code that is in no row is judged by its HTTP status."""

ERROR_OF_CLASS: Mapping[str, type[ServiceError]] = {
    # botocore, without an answer of the service
    "NoCredentialsError": InvalidCredentials,
    "PartialCredentialsError": InvalidCredentials,
    "CredentialRetrievalError": InvalidCredentials,
    "MetadataRetrievalError": InvalidCredentials,
    "RefreshWithMFAUnsupportedError": InvalidCredentials,
    "InfiniteLoopConfigError": InvalidCredentials,
    "InvalidConfigError": InvalidCredentials,
    "ConfigNotFound": InvalidCredentials,
    "ConfigParseError": InvalidCredentials,
    "ProfileNotFound": InvalidCredentials,
    "SSOError": InvalidCredentials,
    "TokenRetrievalError": InvalidCredentials,
    "NoAuthTokenError": InvalidCredentials,
    "AuthTokenError": InvalidCredentials,
    "LoginError": InvalidCredentials,
    "HTTPClientError": ConnectionLost,
    "ConnectionError": ConnectionLost,
    "ConnectTimeoutError": ConnectionLost,
    "IncompleteReadError": ConnectionLost,
    "ResponseStreamingError": ConnectionLost,
    "EventStreamError": ServiceUnavailable,
    "ResponseParserError": ServiceUnavailable,
    "ChecksumError": ServiceUnavailable,
    "FlexibleChecksumError": ServiceUnavailable,
    "OperationNotPageableError": UnsupportedOperation,
    "UnknownServiceError": UnsupportedOperation,
    "BotoCoreError": RequestRejected,
    "Boto3Error": RequestRejected,
    "ClientError": RequestRejected,
    # openai
    "AuthenticationError": InvalidCredentials,
    "SubjectTokenProviderError": InvalidCredentials,
    "PermissionDeniedError": AccessDenied,
    "NotFoundError": ResourceNotFound,
    "ConflictError": ResourceConflict,
    "RateLimitError": Throttled,
    "InternalServerError": ServiceUnavailable,
    "APIResponseValidationError": ServiceUnavailable,
    "APIConnectionError": ConnectionLost,
    "WebSocketConnectionClosedError": ConnectionLost,
    "WebSocketQueueFullError": Throttled,
    "OpenAIError": RequestRejected,
    # httpx and httpx2, while a body is read
    "TransportError": ConnectionLost,
}
"""Class name → our error; the nearest class of the error's ancestry decides."""

ERROR_OF_HTTP_STATUS: Mapping[int, type[ServiceError]] = {
    401: InvalidCredentials,
    403: AccessDenied,
    404: ResourceNotFound,
    405: UnsupportedOperation,
    408: ServiceUnavailable,
    409: ResourceConflict,
    412: ResourceConflict,
    429: Throttled,
    501: UnsupportedOperation,
}

_HOME_OF_ERRORS = ("botocore", "boto3", "s3transfer", "openai", "httpx", "httpx2", "httpcore", "httpcore2")

_ACTION: Mapping[type[ServiceError], str] = {
    InvalidCredentials: "Check the AWS connection: its keys, session token, profile or role may be wrong or expired.",
    AccessDenied: "Grant the identity of the AWS connection the action that is named here.",
    ResourceNotFound: "Check the name, and that it is in the account and region of the AWS connection.",
    ResourceConflict: "Look at what exists under this name, then run the task again.",
    QuotaExceeded: "Free some of the quota, or ask AWS to raise it.",
    RequestRejected: "Correct the value that is named here.",
    UnsupportedOperation: "Check the endpoint and the region of the AWS connection: this one has no such operation.",
    Throttled: "Wait and try again, or make fewer requests at once.",
    ServiceUnavailable: "Try again in a while.",
    ConnectionLost: "Check that the endpoint can be reached from here, then try again.",
}


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raise our error in place of any that botocore, boto3 or the openai SDK raises inside.

    Args:
        operation: What was being done, as a phrase that starts a sentence: ``Create a fine-tuning job``.
    """
    try:
        yield
    except Exception as error:
        ours = translate(error, operation)
        if ours is None:
            raise
        raise ours from error


def translate(error: BaseException, operation: str) -> ServiceError | None:
    """Our error for a foreign one, ``None`` for what is not a service's or an SDK's (a bug, or ours already)."""
    if isinstance(error, RftError) or not _is_foreign(error):
        return None
    cause = _deepest_answer(error)
    code, status, sentence = _answer_in(cause)
    kind = _kind_of(cause, code, status)
    if kind is ResourceNotFound and status == 404 and not code and not sentence:
        kind = UnsupportedOperation  # Mantle answers unknown paths with an empty object
    message = f"{operation} failed: {(sentence or _plain(cause)).rstrip('.')}."
    details = {"operation": operation, "code": code, "http_status": status, "error": type(cause).__name__}
    if kind is ConnectionLost:
        details["request_sent"] = _may_have_been_sent(cause)
    return kind(message, action=_ACTION[kind], **details)


def _kind_of(error: BaseException, code: str, status: int) -> type[ServiceError]:
    if code in ERROR_OF_CODE:
        return ERROR_OF_CODE[code]
    if status in ERROR_OF_HTTP_STATUS:
        return ERROR_OF_HTTP_STATUS[status]
    if status >= 400:
        return ServiceUnavailable if status >= 500 else RequestRejected
    return next((ERROR_OF_CLASS[name] for name in _ancestry(error) if name in ERROR_OF_CLASS), RequestRejected)


def _answer_in(error: BaseException) -> tuple[str, int, str]:
    """The service's error code, the HTTP status (0 without an answer) and the service's sentence."""
    answer: Any = getattr(error, "response", None)
    if isinstance(answer, dict):  # botocore
        said = answer.get("Error", {})
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return str(said.get("Code", "")), int(status), str(said.get("Message") or "")
    body: Any = getattr(error, "body", None)
    fields = body if isinstance(body, dict) else {}
    status = getattr(error, "status_code", 0)
    header = answer.headers.get("x-amzn-errortype", "").split(":")[0] if hasattr(answer, "headers") else ""
    code = fields.get("code") or header or ""
    return str(code), status if isinstance(status, int) else 0, str(fields.get("message") or "")


def _plain(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _ancestry(error: BaseException) -> list[str]:
    return [cls.__name__ for cls in type(error).__mro__]


def _is_foreign(error: BaseException) -> bool:
    return any(cls.__module__.partition(".")[0] in _HOME_OF_ERRORS for cls in type(error).__mro__)


def _deepest_answer(error: BaseException) -> BaseException:
    """boto3 wraps what S3 answered during a managed transfer: the answer is in the cause."""
    inner = error.__cause__ or error.__context__
    wrapped = type(error).__name__ in {"S3UploadFailedError", "RetriesExceededError"}
    return inner if wrapped and inner is not None and _is_foreign(inner) else error


def _may_have_been_sent(error: BaseException) -> bool:
    """False when no connection was ever opened, so that the request cannot have been carried out."""
    unopened = {
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ProxyConnectionError",
        "ConnectError",
        "ConnectTimeout",
    }
    cause: BaseException | None = error
    while cause is not None:
        if not unopened.isdisjoint(_ancestry(cause)):
            return False
        cause = cause.__cause__
    return True
