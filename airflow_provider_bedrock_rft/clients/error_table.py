"""Which of our errors a foreign code, class or HTTP status is. A test holds the table against botocore's own models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import (
    AccessDenied,
    ConnectionLost,
    InvalidCredentials,
    QuotaExceeded,
    RequestRejected,
    ResourceConflict,
    ResourceNotFound,
    ServiceError,
    ServiceUnavailable,
    Throttled,
    UnsupportedOperation,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_CODES_BY_KIND: Mapping[type[ServiceError], str] = {
    InvalidCredentials: """
        AuthFailure ExpiredToken ExpiredTokenException ExpiredTradeInTokenException IDPCommunicationError
        IDPRejectedClaim IncompleteSignature InvalidAccessKeyId InvalidAuthenticationCode
        InvalidAuthorizationMessageException InvalidClientTokenId InvalidIdentityToken InvalidSignatureException
        InvalidToken MissingAuthenticationToken MissingAuthenticationTokenException OpenIdIdpCommunicationError
        RequestExpired RequestTimeTooSkewed SignatureDoesNotMatch TokenRefreshRequired UnrecognizedClientException
        expired_token invalid_api_key""",
    AccessDenied: """
        AccessDenied AccessDeniedException AccountNotManagementOrDelegatedAdministratorException AccountProblem
        AllAccessDisabled CallerIsNotManagementAccountException EC2AccessDeniedException EFSMountConnectivityException
        EFSMountFailureException Forbidden KMSAccessDeniedException KmsAccessDeniedException NotAuthorized OptInRequired
        OutboundWebIdentityFederationDisabled OutboundWebIdentityFederationDisabledException PublicPolicyException
        RegionDisabledException S3FilesMountFailureException ServiceAccessNotEnabledException
        SessionDurationEscalationException UnauthorizedOperation UnmodifiableEntity permission_denied""",
    ResourceNotFound: """
        404 CodeSigningConfigNotFoundException FeatureDisabled InvalidKeyId KMSNotFoundException
        KmsKeyNotFoundException NoPublishedVersionException NoSuchAnnotation NoSuchBucket NoSuchEntity
        NoSuchEntityException NoSuchKey NoSuchUpload NoSuchVersion NotFound NotFoundException
        OrganizationNotFoundException ParameterNotFound ParameterVersionNotFound
        ProvisionedConcurrencyConfigNotFoundException ReportExpired ReportNotPresent ResourceNotFound
        ResourceNotFoundException RuntimeAliasDeletedException RuntimeVersionDeletedException model_not_found""",
    ResourceConflict: """
        409 412 BucketAlreadyExists BucketAlreadyOwnedByYou ConcurrentModification ConcurrentModificationException
        ConditionalRequestConflict Conflict ConflictException DeleteConflict DeleteConflictException
        DuplicateCertificate DuplicateSSHPublicKey DurableExecutionAlreadyStartedException EncryptionTypeMismatch
        EntityAlreadyExists EntityAlreadyExistsException EntityTemporarilyUnmodifiable FeatureEnabled
        HierarchyTypeMismatchException IdempotencyParameterMismatch IdempotentParameterMismatchException NameConflict
        ObjectAlreadyInActiveTierError OperationAborted OperationAbortedException ParameterAlreadyExists
        PreconditionFailed PreconditionFailedException ResourceAlreadyExistsException ResourceConflict
        ResourceConflictException ResourceInUse ResourceInUseException RoleModified TooManyUpdates""",
    QuotaExceeded: """
        AliasLimitExceededException AnnotationLimitExceeded CapacityProviderLimitExceededException
        CodeStorageExceededException ENILimitReachedException EntityTooLarge FunctionVersionsLimitExceededException
        FunctionVersionsPerCapacityProviderLimitExceededException HierarchyLevelLimitExceededException
        JWTPayloadSizeExceededException LimitExceeded LimitExceededException PackedPolicyTooLarge
        ParameterLimitExceeded ParameterMaxVersionLimitExceeded PoliciesLimitExceededException
        PolicyLengthExceededException ReportGenerationLimitExceeded RequestTooLargeException
        SerializedRequestEntityTooLargeException ServiceQuotaExceededException SubnetIPAddressLimitReachedException
        TooManyParts TooManyTagsException insufficient_quota""",
    Throttled: """
        BandwidthLimitExceeded EC2ThrottledException ModelNotReadyException PriorRequestNotComplete
        ProvisionedThroughputExceededException RequestLimitExceeded RequestThrottled RequestThrottledException
        SlowDown Throttling ThrottledException ThrottlingException TooManyRequestsException
        TransactionInProgressException rate_limit_exceeded""",
    ServiceUnavailable: """
        500 502 503 504 CallbackTimeoutException CodeArtifactUserPendingException EC2UnexpectedException
        EFSIOException EFSMountTimeoutException ENINotReadyException InternalError InternalFailure InternalFault
        InternalServerError InternalServerException InternalServiceError InternalServiceException
        InternalServiceFault ModelErrorException ModelStreamErrorException ModelTimeoutException ReportInProgress
        RequestTimeout RequestTimeoutException ResourceNotReadyException S3FilesMountConnectivityException
        S3FilesMountTimeoutException ServiceException ServiceFailure ServiceFailureException ServiceUnavailable
        ServiceUnavailableException SnapStartNotReadyException SnapStartTimeoutException server_error""",
    UnsupportedOperation: """
        405 501 InvalidAction MethodNotAllowed ModeNotSupportedException NotImplemented NotSupportedService
        UnknownOperationException UnsupportedOperation UnsupportedOperationException UnsupportedParameterType""",
    RequestRejected: """
        AnnotationNameTooLong CodeArtifactUserDeletedException CodeArtifactUserFailedException
        CodeVerificationFailedException IncompatiblePolicyException InvalidAllowedPatternException
        InvalidAnnotationName InvalidCertificate InvalidCodeSignatureException InvalidFilterKey InvalidFilterOption
        InvalidFilterValue InvalidFormat InvalidInput
        InvalidNextToken InvalidObjectState InvalidParameterCombination InvalidParameterException
        InvalidParameterInput InvalidParameterValue InvalidParameterValueException InvalidPolicyAttributeException
        InvalidPolicyTypeException InvalidPrefix InvalidPublicKey InvalidRequest InvalidRequestContentException
        InvalidResourceId InvalidRuntimeException InvalidSecurityGroupIDException InvalidSubnetIDException
        InvalidUserType InvalidWriteOffset InvalidZipFileException KMSDisabledException KMSInvalidStateException
        KeyPairMismatch KmsKeyDisabledException MalformedCertificate MalformedPolicyDocument MissingParameter
        ObjectNotInActiveTierError OrganizationNotInAllFeaturesModeException ParameterPatternMismatchException
        PasswordPolicyViolation PolicyEvaluation PolicyNotAttachable RecursiveInvocationException
        RoleTemplateDisabled SnapStartException SnapStartRegenerationFailureException UnrecognizedPublicKeyEncoding
        UnsupportedMediaType UnsupportedMediaTypeException ValidationError ValidationException file_not_found
        validation_error""",
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
    # urllib3, which completions go through
    "NewConnectionError": ConnectionLost,
    "PoolError": ConnectionLost,
    "ProtocolError": ConnectionLost,
    "IncompleteRead": ConnectionLost,
    "InvalidChunkLength": ConnectionLost,
    "ProxyError": ConnectionLost,
    "SSLError": ConnectionLost,
    "TimeoutError": ConnectionLost,
    "DecodeError": ServiceUnavailable,
    "LocationValueError": RequestRejected,
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
