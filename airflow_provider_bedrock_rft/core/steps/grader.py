"""Put a grader into service as an immutable version, and take old ones out.

Every call here may be the last one before the worker dies: each is safe to repeat, and what exists decides what is done
next. A version is recognised by its contents (package and configuration), never by a record kept elsewhere.
"""

from __future__ import annotations

import random as chance
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_bedrock_rft.core.clock import Backoff, Clock, Deadline
from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.errors import (
    GraderFailure,
    RequestRejected,
    ResourceConflict,
    TransientServiceError,
    WaitTimeout,
)
from airflow_provider_bedrock_rft.core.grader.image import GraderImage
from airflow_provider_bedrock_rft.core.grader.package import GraderPackage
from airflow_provider_bedrock_rft.core.grader.tier import Tier, check_function_name, check_limits
from airflow_provider_bedrock_rft.core.ports import CodePlace, FunctionConfig, FunctionService, ObjectStore
from airflow_provider_bedrock_rft.core.steps.grader_code import check_code, check_kind, place_code

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.ports import FunctionVersion, RoleService

T = TypeVar("T")

FINGERPRINT_TAG = "rft-fingerprint"
BASIC_EXECUTION = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
POLL_SECONDS = 2.0
ROLE_PROPAGATION_SECONDS = 60.0
"""How long a role that was just made may be unknown to Lambda."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderSettings:
    """How a grader is deployed.

    Attributes:
        function_name: Of the Lambda function.
        role_arn: Execution role; empty has one made, named after the function.
        policy: What the made role may do beyond writing its log, as a policy document; empty for nothing.
        timeout_seconds: Of one invocation (Lambda's own default of 3 s kills graders in the first step).
        memory_mb: Of the function.
        environment: Environment variables.
        layers: ARNs of layer versions.
        alias: Moved to the version.
        tier: Where it will train; decides the rules for its name.
        tags: Of the function, beside the fingerprint.
        wait_seconds: How long the deployment may take.
        packages_uri: ``s3://bucket/prefix`` by way of which packages go that are too large for a request; the bucket
            is in the function's region.
        reserved_concurrency: Of the account's concurrent executions, kept for the function; 0 reserves none.
    """

    function_name: str
    role_arn: str = ""
    policy: Mapping[str, object] = field(default_factory=dict)
    timeout_seconds: int = 300
    memory_mb: int = 512
    environment: Mapping[str, str] = field(default_factory=dict)
    layers: Sequence[str] = ()
    alias: str = "live"
    tier: Tier = Tier.BEDROCK
    tags: Mapping[str, str] = field(default_factory=dict)
    wait_seconds: float = 300.0
    packages_uri: str = ""
    reserved_concurrency: int = 0

    def check(self) -> None:
        """Refuse what the tier or Lambda would refuse later.

        Raises:
            InvalidIdentifier: The function's name does not suit the tier.
            InvalidGrader: A limit is not kept.
        """
        check_function_name(self.function_name, self.tier)
        check_limits(
            timeout_seconds=self.timeout_seconds,
            memory_mb=self.memory_mb,
            reserved_concurrency=self.reserved_concurrency,
            tier=self.tier,
        )


@payload("rft.grader")
@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedGrader:
    """A grader in service.

    Attributes:
        arn: Version-qualified; what a job is given.
        function_name: Of the function.
        function_version: The published number.
        fingerprint: Of the source.
        reused: True when this content had been published before.
        report_uri: Of the bench's report; empty where none was stored.
    """

    arn: str
    function_name: str
    function_version: str
    fingerprint: str
    reused: bool
    report_uri: str = ""

    @property
    def version(self) -> str:
        """The published number; as a field it would clash with the payload's own version."""
        return self.function_version


def deploy_grader(
    functions: FunctionService,
    roles: RoleService,
    package: GraderPackage | GraderImage,
    settings: GraderSettings,
    clock: Clock,
    *,
    random: chance.Random | None = None,
    objects: ObjectStore | None = None,
    examine: Callable[[str], None] | None = None,
) -> DeployedGrader:
    """The published version with this package or image and these settings; made when there is none yet.

    ``examine`` is handed the version's ARN before the alias moves to it, and raises where it should not.

    Of concurrent deployments of one function each publishes its own content: a version is frozen only while the code
    is the one that was meant, and is taken only if its configuration is, too.

    Raises:
        InvalidIdentifier: The function's name does not suit the tier.
        InvalidGrader: The package is too large, or the function was made for code of another kind.
        GraderFailure: Lambda could not bring the function up.
        WaitTimeout: It took longer than ``wait_seconds``.
        ServiceError: A request was refused for good.
    """
    settings.check()
    check_code(package, packages_uri=settings.packages_uri if objects else "")
    patience = _Patience(clock, Deadline.after(clock, settings.wait_seconds), random or chance.Random())
    role_arn = settings.role_arn or patience.insist(lambda: _make_role(roles, settings))
    deployment = _Deployment(functions, package, _config_of(package, settings, role_arn), settings, patience, objects)
    version, is_reused = patience.insist(deployment.find_or_publish, also=(ResourceConflict,))
    if wanted := settings.reserved_concurrency:
        patience.insist(lambda: functions.reserve_concurrency(settings.function_name, wanted), also=(ResourceConflict,))
    if examine:
        examine(version.arn)
        patience = patience.renewed(settings.wait_seconds)
    patience.insist(
        lambda: functions.put_alias(settings.function_name, settings.alias, version.version), also=(ResourceConflict,)
    )
    return DeployedGrader(
        arn=version.arn,
        function_name=settings.function_name,
        function_version=version.version,
        fingerprint=package.fingerprint,
        reused=is_reused,
    )


@dataclass(frozen=True, slots=True)
class _Patience:
    """Repeats what may be repeated until the deadline."""

    clock: Clock
    deadline: Deadline
    random: chance.Random
    backoff: Backoff = field(default_factory=lambda: Backoff(first_seconds=1.0, max_seconds=15.0))

    def insist(
        self,
        action: Callable[[], T],
        *,
        also: tuple[type[Exception], ...] = (),
        deadline: Deadline | None = None,
    ) -> T:
        """The result of ``action``, tried again after transient errors and those in ``also``."""
        n_failures = 0
        expected: tuple[type[Exception], ...] = (TransientServiceError, *also)
        until = deadline or self.deadline
        while True:
            try:
                return action()
            except expected:  # noqa: PERF203 -- a retry is a loop around a try
                n_failures += 1
                pause = self.backoff.pause(n_failures, self.random)
                if pause >= until.remaining(self.clock):
                    raise
                self.clock.sleep(pause)

    def renewed(self, seconds: float) -> _Patience:
        """The same with another ``seconds``."""
        return replace(self, deadline=Deadline.after(self.clock, seconds))

    def capped(self, seconds: float) -> Deadline:
        """The deadline, or ``seconds`` from now where that is earlier."""
        return Deadline(at=min(self.deadline.at, self.clock.now() + seconds))


@dataclass(frozen=True, slots=True)
class _Deployment:
    functions: FunctionService
    package: GraderPackage | GraderImage
    config: FunctionConfig
    settings: GraderSettings
    patience: _Patience
    objects: ObjectStore | None

    def find_or_publish(self) -> tuple[FunctionVersion, bool]:
        """The version with our content, and whether it was there before. Starts from what exists, every time."""
        if self.functions.get(self.config.name) is None:
            self._create()
        elif existing := self._find():
            return existing, True
        self._bring_up_to_date(self._wait_until_settled())
        published = self.functions.publish(
            self.config.name, code_sha256=self.package.code_sha256, description=describe(self.package)
        )
        if not is_same_config(published.config, self.config):  # not removed: it may be one that was there before
            raise ResourceConflict(f"The configuration of {self.config.name} was changed while it was published.")
        return self._wait_until_settled(published.version), False

    def _find(self) -> FunctionVersion | None:
        for version in sorted(self.functions.versions(self.config.name), key=_number, reverse=True):
            has_our_code = version.code_sha256 == self.package.code_sha256  # a description only says so
            if has_our_code and is_same_config(version.config, self.config) and not version.failure:
                return version
        return None

    def _create(self) -> None:
        """Create the function; a role made a moment ago may be unknown to Lambda for a while."""
        code = self._code()
        if self.settings.role_arn:
            self.functions.create(self.config, code)
            return
        deadline = self.patience.capped(ROLE_PROPAGATION_SECONDS)
        self.patience.insist(
            lambda: self.functions.create(self.config, code),
            also=(RequestRejected,),
            deadline=deadline,
        )

    def _code(self) -> bytes | CodePlace:
        return self.patience.insist(
            lambda: place_code(self.package, self.objects, packages_uri=self.settings.packages_uri)
        )

    def _bring_up_to_date(self, latest: FunctionVersion) -> None:
        check_kind(latest.config, self.config)
        if latest.code_sha256 != self.package.code_sha256 or latest.failure:
            self.functions.update_code(self.config.name, self._code())
            latest = self._wait_until_settled()
        if not is_same_config(latest.config, self.config):
            self._update_config()
            latest = self._wait_until_settled()
        if latest.failure:
            raise GraderFailure(
                f"Lambda cannot bring {self.config.name} up: {latest.failure}",
                action="Mend what it names and deploy again.",
            )

    def _update_config(self) -> None:
        also = () if self.settings.role_arn else (RequestRejected,)
        deadline = self.patience.capped(ROLE_PROPAGATION_SECONDS)
        self.patience.insist(lambda: self.functions.update_config(self.config), also=also, deadline=deadline)

    def _wait_until_settled(self, qualifier: str = "") -> FunctionVersion:
        """The function, or a version of it, once it is ready or has failed."""
        while True:
            found = self.patience.insist(lambda: self.functions.get(self.config.name, qualifier=qualifier))
            if found is None:
                raise ResourceConflict(f"{self.config.name} {qualifier} was removed while it was deployed.")
            if found.is_ready or found.failure:
                return found
            if self.patience.deadline.has_passed(self.patience.clock):
                raise WaitTimeout(
                    f"{self.config.name} is still not ready after {self.settings.wait_seconds:.0f} s.",
                    action="Look at the function's state in Lambda, then run the task again: it goes on from there.",
                )
            self.patience.clock.sleep(POLL_SECONDS)


def describe(package: GraderPackage | GraderImage) -> str:
    """The description of a published version: where it came from, by content."""
    return f"{FINGERPRINT_TAG} {package.fingerprint} {package.origin}"[:256]


def is_same_config(left: FunctionConfig, right: FunctionConfig) -> bool:
    """True when both run alike; names, tags and descriptions do not count."""
    return _comparable(left) == _comparable(right)


def _comparable(config: FunctionConfig) -> FunctionConfig:
    return replace(
        config, environment=dict(config.environment), layers=tuple(config.layers), tags={}, description="", name=""
    )


def _config_of(package: GraderPackage | GraderImage, settings: GraderSettings, role_arn: str) -> FunctionConfig:
    return FunctionConfig(
        name=settings.function_name,
        handler=package.handler,
        runtime=package.runtime,
        role_arn=role_arn,
        timeout_seconds=settings.timeout_seconds,
        memory_mb=settings.memory_mb,
        environment=dict(settings.environment),
        layers=tuple(settings.layers),
        tags={**settings.tags, FINGERPRINT_TAG: package.fingerprint},
        description=describe(package),
    )


def _make_role(roles: RoleService, settings: GraderSettings) -> str:
    return roles.ensure_role(
        f"{settings.function_name[:59]}-role",
        trusted_service="lambda.amazonaws.com",
        policy=settings.policy,
        managed_policies=(BASIC_EXECUTION,),
    )


def _number(version: FunctionVersion) -> int:
    return int(version.version) if version.version.isdigit() else 0
