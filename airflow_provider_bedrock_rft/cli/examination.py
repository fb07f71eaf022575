"""What ``bedrock-rft doctor`` looks at, one step after the other; nothing is changed but one small object in S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, version
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import AccessDenied, RftError

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.clients.session import Session

OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "skipped"
SUPPORTED = {"apache-airflow": ((3, 1), (3, 4)), "openai": ((2, 44), (4, 0)), "boto3": ((1, 42), (2, 0))}
"""Distribution → the first version supported and the first that is not."""
TRAINING_REGION = "us-west-2"
"""The only region where Mantle trains, by AWS's user guide."""
PROVIDER = "airflow_provider_bedrock_rft.provider_info:get_provider_info"
PROBE = "doctor/probe.json"
POLICY = "`bedrock-rft permissions` prints the policy that is needed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One step of the examination.

    Attributes:
        step: What was looked at.
        state: ``ok``, ``warning``, ``failed`` or ``skipped``.
        text: What was seen.
        action: What to do next; empty where nothing is to be done.
    """

    step: str
    state: str
    text: str
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a pipeline would use; what is empty is not looked at.

    Attributes:
        artifacts: ``s3://bucket/prefix``.
        function: Name of a grader's Lambda function.
        pipeline: Whose champion would be read.
        plane: ``mantle`` or ``native``.
    """

    artifacts: str = ""
    function: str = ""
    pipeline: str = ""
    plane: str = "mantle"


def examine_installation() -> Iterator[Observation]:
    """Versions, and whether Airflow knows the provider."""
    for name, (first, beyond) in SUPPORTED.items():
        yield _version(name, first, beyond)
    known = any(entry.value == PROVIDER for entry in entry_points(group="apache_airflow_provider"))
    yield Observation(
        step="provider",
        state=OK if known else FAILED,
        text="Airflow's provider discovery finds this package" if known else "Airflow's discovery does not find it",
        action="" if known else "Install the package instead of putting its folder on the path.",
    )


def examine_access(open_session: Callable[[], Session], subject: Subject) -> Iterator[Observation]:
    """Credentials, endpoint and permissions; without credentials nothing else is tried.

    Args:
        open_session: Makes the clients; may raise.
        subject: What a pipeline would use.
    """
    opened: list[Session] = []

    def configure() -> str:
        opened.append(open_session())
        config = opened[0].config
        return f"region {config.region}, endpoint {config.endpoint_url or 'AWS'}"

    yield (found := _look("configuration", configure))
    steps = _steps(opened[0], subject) if opened else ()
    for name, step, action in steps:
        if found.state == FAILED:
            yield Observation(step=name, state=SKIPPED, text="not tried without credentials")
            continue
        seen = _look(name, step, action)
        yield seen
        if name == "credentials":
            found = seen
    if opened and subject.plane == "mantle":
        yield _region(opened[0])


Step = tuple[str, Callable[[], str], str]


def _steps(session: Session, subject: Subject) -> Sequence[Step]:
    """Name, look, and what to do when it is refused."""
    wanted: list[Step] = [
        ("credentials", lambda: f"account {session.roles.account_id()}", ""),
        (f"{subject.plane} training", lambda: _training(session, subject.plane), POLICY),
    ]
    if subject.artifacts:
        wanted.append(("artifacts", lambda: _artifacts(session, subject.artifacts), POLICY))
    if subject.function:
        wanted.append(("grader", lambda: _function(session, subject.function), POLICY))
    if subject.pipeline:
        wanted.append(("champion", lambda: _champion(session, subject.pipeline), POLICY))
    return wanted


def _look(name: str, step: Callable[[], str], action: str = "") -> Observation:
    try:
        return Observation(step=name, state=OK, text=step())
    except RftError as error:
        also = action if isinstance(error, AccessDenied) else ""
        return Observation(step=name, state=FAILED, text=error.message, action=f"{error.action} {also}".strip())


def _version(name: str, first: tuple[int, int], beyond: tuple[int, int]) -> Observation:
    wanted = f"{'.'.join(map(str, first))} or newer, below {'.'.join(map(str, beyond))}"
    try:
        found = version(name)
    except PackageNotFoundError:
        return Observation(step=name, state=FAILED, text="not installed", action=f"pip install '{name}' ({wanted}).")
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    if first <= numbers < beyond:
        return Observation(step=name, state=OK, text=found)
    return Observation(step=name, state=FAILED, text=f"{found} is not supported", action=f"Install {wanted}.")


def _region(session: Session) -> Observation:
    config = session.config
    if config.region == TRAINING_REGION:
        return Observation(step="region", state=OK, text=config.region)
    return Observation(
        step="region",
        state=WARNING,
        text=f"Mantle trains in {TRAINING_REGION}, and this is {config.region}",
        action=f'Put {{"region_name": "{TRAINING_REGION}"}} into the connection\'s extra, or use the native plane.',
    )


def _training(session: Session, plane: str) -> str:
    training = session.native_training if plane == "native" else session.training
    found = len(list(islice(training.list_jobs(created_after=0.0), 5)))
    return f"answers; {'five or more' if found == 5 else found or 'no'} jobs are there"


def _artifacts(session: Session, uri: str) -> str:
    probe = f"{uri.rstrip('/')}/{PROBE}"
    session.objects.put_bytes(probe, b"{}")
    session.objects.get(probe)
    next(iter(session.objects.list(probe)), None)
    return f"{probe} was written, listed and read"


def _function(session: Session, name: str) -> str:
    found = session.functions.get(name)
    return f"{name} is in service" if found else f"{name} is not there yet; a deployment will create it"


def _champion(session: Session, pipeline: str) -> str:
    from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
    from airflow_provider_bedrock_rft.core.steps.promotion import champion_of

    champion = champion_of(session.parameters, registry=Registry(pipeline=pipeline))
    return f"{champion.model} serves" if champion else "nothing was promoted yet"
