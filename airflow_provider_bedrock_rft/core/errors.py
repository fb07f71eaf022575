"""The one exception tree.

::

    RftError
    ├── InvalidInput               what the caller gave cannot be used; retrying the same call is pointless
    │   ├── InvalidIdentifier      an ARN, URI, name or model id that does not parse
    │   ├── InvalidPayload         an XCom, trigger payload or manifest that cannot be read
    │   ├── InvalidDataset         findings of severity error
    │   ├── InvalidGrader          the grader failed its trial, cannot be packaged, or is not pinned
    │   ├── InvalidJobSpec         a hyper-parameter or field the service would refuse
    │   ├── InvalidScores          scores that cannot be compared: unmatched, doubled, missing, not finite
    │   └── InvalidPolicy          a promotion policy that contradicts itself
    ├── ServiceError               the service answered, or failed to
    │   ├── AccessDenied
    │   ├── InvalidCredentials     missing, wrong or expired
    │   ├── ResourceNotFound
    │   ├── ResourceConflict       exists already, or changed under us
    │   ├── QuotaExceeded          a limit of the service that waiting does not lift
    │   ├── RequestRejected        the service refuses this request for good
    │   ├── UnsupportedOperation   this plane or endpoint has no such operation
    │   └── TransientServiceError  worth a retry
    │       ├── Throttled
    │       ├── ServiceUnavailable
    │       └── ConnectionLost     no answer: the request may or may not have been carried out
    ├── GraderFailure              a deployed grader raised, timed out or answered nonsense
    ├── UnknownStatus              the service used a word that is not in our table
    ├── JobFailure                 the remote job ended without a model
    ├── JobCancellation            the remote job was cancelled
    ├── JobAlarm                   a rule that the user made an alarm found something
    ├── WaitTimeout                we gave up waiting; the remote job is still running
    ├── SubmissionConflict         more than one job answers to one intent
    └── BudgetExceeded             a limit that the user imposed
"""

from __future__ import annotations

from typing import Any


class RftError(Exception):
    """Base of every error this package raises on purpose.

    Attributes:
        message: What is wrong, in one sentence that names the place.
        action: What to do next, in one sentence; may be empty.
        details: The facts behind the sentence, JSON-serialisable.
    """

    def __init__(self, message: str, *, action: str = "", **details: object) -> None:
        self.message = message
        self.action = action
        self.details = details
        super().__init__(f"{message} {action}".strip())

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickling: worker processes and ``dag.test`` send exceptions across."""
        return (_rebuild, (type(self), self.message, self.action, self.details))


def _rebuild(cls: type[RftError], message: str, action: str, details: dict[str, object]) -> RftError:
    return cls(message, action=action, **details)


class InvalidInput(RftError):
    """What the caller gave cannot be used; retrying the same call is pointless."""


class InvalidIdentifier(InvalidInput):
    """An ARN, URI, name or model id that does not parse."""


class InvalidPayload(InvalidInput):
    """An XCom, trigger payload or manifest that cannot be read."""


class InvalidDataset(InvalidInput):
    """A dataset with findings of severity error."""


class InvalidGrader(InvalidInput):
    """A grader that failed its trial, cannot be packaged, or is not pinned to a version."""


class InvalidJobSpec(InvalidInput):
    """A hyper-parameter or field that the service would refuse."""


class InvalidScores(InvalidInput):
    """Scores that cannot be compared: unmatched, doubled, missing, not finite, or of other prompts."""


class InvalidPolicy(InvalidInput):
    """A promotion policy that contradicts itself."""


class ServiceError(RftError):
    """The service answered with an error, or did not answer."""


class AccessDenied(ServiceError):
    """The identity may not do this."""


class InvalidCredentials(ServiceError):
    """Credentials are missing, wrong or expired."""


class ResourceNotFound(ServiceError):
    """The named resource does not exist."""


class ResourceConflict(ServiceError):
    """The resource exists already, or changed under us."""


class QuotaExceeded(ServiceError):
    """A limit of the service that waiting does not lift."""


class RequestRejected(ServiceError):
    """The service refuses this request for good."""


class UnsupportedOperation(ServiceError):
    """This plane or endpoint has no such operation."""


class TransientServiceError(ServiceError):
    """Worth a retry after a pause."""


class Throttled(TransientServiceError):
    """Too many requests."""


class ServiceUnavailable(TransientServiceError):
    """The service failed on its side."""


class ConnectionLost(TransientServiceError):
    """No answer came: the request may or may not have been carried out."""


class GraderFailure(RftError):
    """A deployed grader raised, timed out or answered nonsense."""


class UnknownStatus(RftError):
    """The service used a status that is not in our table; unknown is never success."""


class JobFailure(RftError):
    """The remote job ended without a model."""


class JobCancellation(RftError):
    """The remote job was cancelled."""


class JobAlarm(RftError):
    """A rule that the user made an alarm found something; the message says whether the job was stopped."""


class WaitTimeout(RftError):
    """We gave up waiting; the remote job is still running."""


class SubmissionConflict(RftError):
    """More than one remote job answers to one intent."""


class BudgetExceeded(RftError):
    """A limit that the user imposed was reached."""
