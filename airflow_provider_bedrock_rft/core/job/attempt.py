"""One attempt at training: what is written down before a job is asked for, and which job answers to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.job.identity import attempt_token, job_name
from airflow_provider_bedrock_rft.core.job.spec import JobSpec

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.job.job import Job
    from airflow_provider_bedrock_rft.core.job.spec import RftHyperparameters

_RUNTIME_SUFFIX = re.compile(r"-v?\d+:\d+(:\w+)?$")


@payload("rft.attempt")
@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The intent to have one job.

    Attributes:
        key: The task instance it belongs to; see :func:`~.identity.task_key`.
        number: Counted from 1 within the key.
        token: Names the attempt to planes that take a token, and signs its claim on a job.
        spec: What is to be trained.
        opened_at: When the intent was written and its first request was about to be sent, epoch seconds by our clock.
        generation: The rerun it was opened in; a person's Clear starts another.
        n_refused: Requests up to this number are known to have left no job behind.
        job_id: The job, once known.
        is_released: We asked for this job to stop: nothing attaches to it any more.
    """

    key: str
    number: int
    token: str
    spec: JobSpec
    opened_at: float
    generation: str = ""
    n_refused: int = 0
    job_id: str = ""
    is_released: bool = False

    @classmethod
    def to_train(cls, spec: JobSpec, *, key: str, number: int, generation: str, now: float) -> Attempt:
        """A new attempt at ``spec``."""
        token = attempt_token(key=key, content_fingerprint=spec.content_fingerprint(), attempt=number)
        return cls(key=key, number=number, token=token, spec=spec, opened_at=now, generation=generation)

    @property
    def job_name(self) -> str:
        """The name of its job, on planes that have names; a given name is numbered from the second attempt on."""
        if not self.spec.name:
            return job_name(prefix=self.key.split("/", 1)[0], token=self.token)
        return self.spec.name if self.number == 1 else f"{self.spec.name[:58]}-{self.number}"


@payload("rft.send")
@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """The right to send one request to create, which one process has.

    Attributes:
        number: Counted from 1 within the attempt; the first belongs to whoever opened the attempt.
        sent_at: When the request was about to be sent, epoch seconds by our clock.
    """

    number: int
    sent_at: float


def answers_to(job: Job, attempt: Attempt, *, skew_seconds: float) -> bool:
    """True when ``job`` may have come from a request of ``attempt``.

    A plane that gives the token or a name back decides by it. Elsewhere the job must be of the attempt's time (the
    service's clock may be ``skew_seconds`` behind ours) and agree with everything that was sent. Fields that a plane
    leaves out of a listing are not held against the job.
    """
    if job.token or job.name:
        return job.token == attempt.token or (not job.token and job.name == attempt.job_name)
    spec = attempt.spec
    return (
        job.created_at >= attempt.opened_at - skew_seconds
        and _bare(job.model) == _bare(spec.model)
        and job.training_data == spec.training_data
        and job.grader_arn in {"", spec.grader_arn}
        and _agree(job, spec.hyperparameters)
    )


def _bare(model: str) -> str:
    """The model without ARN prefix and without the suffix that the runtime's ids have and Mantle's have not."""
    return _RUNTIME_SUFFIX.sub("", model.rsplit("/", 1)[-1])


def _agree(job: Job, sent: RftHyperparameters) -> bool:
    return all(
        _same(job.hyperparameters[name], value) for name, value in sent.given().items() if name in job.hyperparameters
    )


def _same(reported: object, sent: object) -> bool:
    try:
        return float(str(reported)) == float(str(sent))
    except ValueError:
        return str(reported) == str(sent)
