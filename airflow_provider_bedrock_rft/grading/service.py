"""Puts a grader into service: tried on the bench, published, held to what was tried, and only then given the alias.

What can run here is tried before anything is made. A judge needs its model and an image needs Lambda: those are tried
as the published version, which nobody is sent to before it has passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.clock import Clock
from airflow_provider_bedrock_rft.core.dataset.record import Record
from airflow_provider_bedrock_rft.core.errors import InvalidGrader
from airflow_provider_bedrock_rft.core.grader.calibration import Calibration, require_calibrated
from airflow_provider_bedrock_rft.core.grader.image import GraderImage
from airflow_provider_bedrock_rft.core.grader.package import PYTHON_VERSION, GraderPackage
from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings, run_trial
from airflow_provider_bedrock_rft.core.grader.trial.cases import RIGHT, sample_of, subjects_of
from airflow_provider_bedrock_rft.core.grader.trial.report import TrialReport, to_text
from airflow_provider_bedrock_rft.core.ports import FunctionService, ObjectStore, RoleService
from airflow_provider_bedrock_rft.core.steps.grader import DeployedGrader, GraderSettings, deploy_grader
from airflow_provider_bedrock_rft.core.steps.grader_code import check_code
from airflow_provider_bedrock_rft.core.steps.grader_trial import InvokedGrader, calibrate_deployed
from airflow_provider_bedrock_rft.core.steps.grader_versions import check_deployed
from airflow_provider_bedrock_rft.grading.bedrock_judge import judge_policy
from airflow_provider_bedrock_rft.grading.workshop import local_scores, pack, require_importable, try_out

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.grader.sample import GraderSample

N_CHECKED = 16
"""Records on which a deployed grader is held to the local run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A grader to be put into service, and what it has to pass.

    Attributes:
        settings: How it is deployed.
        source: ``PATH[:NAME]``; empty with an image.
        image_uri: Of a container image, instead of a source.
        requirements: Packages it imports.
        layered: Those that a layer provides.
        python_version: Of the Lambda runtime.
        records: Dataset it is tried on; without one neither the bench nor the comparison is run.
        trial: How hard the bench looks.
        judge_models: ARNs of the models it may ask; what a made role is allowed.
        labelled: Completions with people's labels, for a judge.
        min_kappa: What the lower end of Cohen's kappa has to reach, for a judge.
        min_alpha: What Krippendorff's alpha has to reach, for a judge.
        allows_uncalibrated: Deploy a judge that nobody has held to people.
    """

    settings: GraderSettings
    source: str = ""
    image_uri: str = ""
    requirements: Sequence[str] = ()
    layered: Sequence[str] = ()
    python_version: str = PYTHON_VERSION
    records: Sequence[Record] = ()
    trial: TrialSettings = field(default_factory=TrialSettings)
    judge_models: Sequence[str] = ()
    labelled: Sequence[Record] = ()
    min_kappa: float = 0.6
    min_alpha: float = 0.6
    allows_uncalibrated: bool = False

    def __post_init__(self) -> None:
        """Refuse what is neither source nor image, or both.

        Raises:
            InvalidGrader: It is.
        """
        if bool(self.source) == bool(self.image_uri):
            raise InvalidGrader("A grader is deployed from its source or from an image: give one of both.")

    @property
    def environment(self) -> Mapping[str, str]:
        """Of the Lambda."""
        return self.settings.environment


@dataclass(frozen=True, slots=True, kw_only=True)
class InService:
    """A grader in service, and what was found on the way.

    Attributes:
        deployed: The version.
        report: The bench's; ``None`` without a dataset.
        calibration: Of a judge; ``None`` without labels.
    """

    deployed: DeployedGrader
    report: TrialReport | None = None
    calibration: Calibration | None = None

    def sentences(self) -> list[str]:
        """What there is to say of it, for a log."""
        said = [to_text(self.report)] if self.report else []
        if found := self.calibration:
            said.append(
                f"Calibrated on {found.n} labels: kappa {found.kappa:.2f} (at least {found.kappa_low:.2f}), alpha "
                f"{found.alpha:.2f}, bias {found.bias:+.2f}."
            )
        how = "was in service already" if self.deployed.reused else "is in service now"
        return [*said, f"The grader {how} as version {self.deployed.version}: {self.deployed.arn}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it is put into service."""

    functions: FunctionService
    roles: RoleService
    objects: ObjectStore
    clock: Clock


def put_into_service(order: Order, place: Place) -> InService:
    """Try, publish, compare, calibrate, and move the alias.

    Raises:
        InvalidGrader: It cannot be packaged, fails the bench, or judges without agreeing with people.
        GraderFailure: The deployed version fails, or does not score as the local run did.
        ServiceError: A request was refused for good.
    """
    order.settings.check()
    code = _code_of(order)
    check_code(code, packages_uri=order.settings.packages_uri)
    judges = bool(order.judge_models) or (isinstance(code, GraderPackage) and code.asks_a_model)
    if judges:
        _require_labels(code, order)
    found = _Findings()
    runs_here = isinstance(code, GraderPackage) and not judges
    if order.records and runs_here:
        found.keep(_tried_here(order))

    def examine(arn: str) -> None:
        if order.records and runs_here:
            _compare(order, place, arn)
        elif order.records:
            grader = InvokedGrader(place.functions, arn, place.clock)
            found.keep(run_trial(grader, order.records, order.trial, origin=code.origin))
        if order.labelled:
            found.calibration = calibrate_deployed(place.functions, arn, order.labelled)
            require_calibrated(found.calibration, min_kappa=order.min_kappa, min_alpha=order.min_alpha)

    settings = _with_policy(order)
    deployed = deploy_grader(
        place.functions, place.roles, code, settings, place.clock, objects=place.objects, examine=examine
    )
    return InService(deployed=deployed, report=found.report, calibration=found.calibration)


@dataclass(slots=True)
class _Findings:
    report: TrialReport | None = None
    calibration: Calibration | None = None

    def keep(self, report: TrialReport) -> None:
        """Keep a report.

        Raises:
            InvalidGrader: It is a failure.
        """
        self.report = report
        require_passed(report)


def require_passed(report: TrialReport) -> None:
    """Refuse a grader that fails the bench.

    Raises:
        InvalidGrader: It does; the message names every failed check.
    """
    if not report.passed:
        said = " ".join(f"[{check.code}] {check.message}" for check in report.failures)
        raise InvalidGrader(
            f"The grader {report.origin} fails {len(report.failures)} of {len(report.checks)} checks of the bench: "
            f"{said}",
            action="See samples with `bedrock-rft grader test`, and mend it; what does not apply can be skipped.",
            codes=[check.code for check in report.failures],
        )


def reference_samples(records: Sequence[Record], *, answer_key: str = "") -> list[GraderSample]:
    """The dataset's right answers as completions."""
    subjects = subjects_of(records, answer_key=answer_key)
    return [subject.case(RIGHT, "", subject.answer.reference).sample for subject in subjects]


def _compare(order: Order, place: Place, arn: str) -> None:
    """Hold the version to the local run: on right, other and empty answers, so that not all scores are one."""
    chosen = order.records[:N_CHECKED]
    right = reference_samples(chosen, answer_key=order.trial.answer_key)
    texts = [sample.completion for sample in right]
    others = [
        replace(sample, sample_id=f"other:{sample.sample_id}", completion=text)
        for sample, text in zip(right, [*texts[1:], *texts[:1]], strict=True)
    ]
    empty = [sample_of(record, "", f"empty:{number}") for number, record in enumerate(chosen)]
    samples = [*right, *others, *empty]
    scores = local_scores(
        order.source,
        samples,
        requirements=[*order.requirements, *order.layered],
        environment=order.environment,
    )
    check_deployed(place.functions, arn, samples, scores)


def _code_of(order: Order) -> GraderPackage | GraderImage:
    if order.image_uri:
        return GraderImage(image_uri=order.image_uri)
    package = pack(
        order.source, requirements=order.requirements, python_version=order.python_version, layered=order.layered
    )
    require_importable(package, environment=order.environment, layered=[*order.layered, *order.requirements])
    return package


def _require_labels(code: GraderPackage | GraderImage, order: Order) -> None:
    if not order.labelled and not order.allows_uncalibrated:
        raise InvalidGrader(
            f"{code.origin} asks a model to judge, and nothing shows that it agrees with people.",
            action="Have people label at least 30 completions (records with `completion` and `label`, 0 to 1) and give "
            "them as calibration; or deploy it uncalibrated on purpose (allow_uncalibrated_judge, "
            "--allow-uncalibrated-judge): it will teach its own taste.",
        )


def _tried_here(order: Order) -> TrialReport:
    return try_out(
        order.source,
        order.records,
        order.trial,
        requirements=[*order.requirements, *order.layered],
        environment=order.environment,
        python_version=order.python_version,
    )


def _with_policy(order: Order) -> GraderSettings:
    if not order.judge_models:
        return order.settings
    return replace(order.settings, policy=order.settings.policy or judge_policy(*order.judge_models))
