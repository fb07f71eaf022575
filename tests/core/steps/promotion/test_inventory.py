from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.deployment import Deployment, DeploymentKind
from airflow_provider_bedrock_rft.core.errors import ResourceConflict, ResourceNotFound
from airflow_provider_bedrock_rft.core.job.job import Job
from airflow_provider_bedrock_rft.core.lineage.graph import Lineage
from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest, Stage
from airflow_provider_bedrock_rft.core.ports import Capabilities, FunctionConfig, FunctionVersion, StoredFile
from airflow_provider_bedrock_rft.core.promotion.retention import RetentionPolicy
from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
from airflow_provider_bedrock_rft.core.steps.inventory import removers_of, take_inventory
from airflow_provider_bedrock_rft.core.steps.promotion import promote, set_challenger
from airflow_provider_bedrock_rft.core.steps.retention import clean_up, every_registry, plan_clean_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.clock import FakeClock
    from tests.core.steps.promotion.conftest import FakeParameters

FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:g"
CONFIG = FunctionConfig(name="g", handler="h", runtime="python3.12", role_arn="r")


def job(number: int, *, status: str = "succeeded", owner: str = "j") -> Job:
    return Job(
        job_id=f"{owner}{number}",
        status=status,
        model="base",
        training_data=f"f{number}",
        grader_arn=f"{FUNCTION}:{number}",
        created_at=float(number),
        finished_at=float(number) if status == "succeeded" else None,
        tuned_model=f"m{number}" if status == "succeeded" else "",
    )


@dataclass
class Services:
    """The few calls that a clean-up makes."""

    jobs: list[Job] = field(default_factory=lambda: [job(n) for n in range(1, 6)])
    files: list[str] = field(default_factory=lambda: [*(f"f{n}" for n in range(1, 6)), "somebody-elses"])
    graders: list[int] = field(default_factory=lambda: list(range(1, 6)))
    live: int = 5
    needs_deployment: bool = False
    full_jobs: list[Job] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            plane="fake",
            has_events=True,
            has_checkpoints=True,
            has_idempotency_token=False,
            has_job_names=False,
            needs_deployment=self.needs_deployment,
            stores_files=True,
        )

    def get_job(self, job_id: str) -> Job:
        return next(job for job in self.full_jobs if job.job_id == job_id)

    def list_jobs(self, *, created_after: float) -> Iterator[Job]:
        assert created_after == 0.0
        return iter(self.jobs)

    def list_files(self) -> Iterator[StoredFile]:
        return iter([StoredFile(file_id=one, name="", size_bytes=1, created_at=0.0) for one in self.files])

    def list_checkpoints(self, job_id: str) -> Iterator[Checkpoint]:
        models = [f"c{job_id[1:]}", f"m{job_id[1:]}"]
        return iter(
            [
                Checkpoint(checkpoint_id=model, job_id=job_id, step=step, model=model, created_at=0.0)
                for step, model in enumerate(models, start=1)
            ]
        )

    def versions(self, name: str) -> Iterator[FunctionVersion]:
        if name != "g":
            raise ResourceNotFound(name)
        return iter([self.version(number) for number in self.graders])

    def get(self, name: str, *, qualifier: str = "") -> FunctionVersion | None:
        assert qualifier == "live"
        return self.version(self.live) if name == "g" else None

    def version(self, number: int) -> FunctionVersion:
        return FunctionVersion(
            arn=f"{FUNCTION}:{number}",
            version=str(number),
            code_sha256="",
            description="",
            is_ready=True,
            config=CONFIG,
            modified_at=float(number),
        )

    def delete_file(self, file_id: str) -> None:
        self.removed.append(file_id)

    def delete_model(self, model: str) -> None:
        self.removed.append(model)

    def delete_version(self, name: str, version: str) -> None:
        self.removed.append(f"{name}:{version}")


def manifests() -> Lineage:
    return Lineage(
        Manifest(
            pipeline="p",
            run_id=f"r{n}",
            stage=Stage.JOB,
            inputs={"stored file": f"file:f{n}", "grader": f"grader:{FUNCTION}:{n}"},
            outputs={
                "job": f"job:j{n}",
                "model": f"model:m{n}",
                "file": f"file:f{n}",
                "grader": f"grader:{FUNCTION}:{n}",
                "old": "grader:arn:aws:lambda:us-west-2:123456789012:function:gone:1",
                "odd": "grader:no-arn",
            },
        )
        for n in range(1, 6)
    )


def removed(store: FakeParameters, clock: FakeClock, services: Any, pipeline: str = "p") -> list[str]:
    found = take_inventory([services], services, lineage=manifests(), pipeline=pipeline)
    clock.sleep(1e9)
    plan = plan_clean_up(
        store,
        registries=every_registry(store),
        lineage=manifests(),
        stored=found.stored,
        policy=RetentionPolicy(keep_days=0, keep_last=1),
        clock=clock,
        in_use=found.in_use,
    )
    clean_up(plan, removers_of(services, services), is_dry_run=False)
    return sorted(services.removed)


def serve(store: FakeParameters, clock: FakeClock, *models: str, pipeline: str = "p") -> None:
    for model in models:
        registry = Registry(pipeline=pipeline)
        promote(store, registry=registry, model=model, promotion_id=model, actor="a", reason="r", clock=clock)


def test_what_made_the_newest_of_each_kind_stays(store: FakeParameters, clock: FakeClock) -> None:
    assert removed(store, clock, Services()) == ["f2", "f3", "f4", "g:2", "g:3", "g:4", "m2", "m3", "m4"]


def test_champion_and_predecessor_stay_with_all_that_made_them(store: FakeParameters, clock: FakeClock) -> None:
    serve(store, clock, "m2", "m3")
    assert removed(store, clock, Services()) == ["f4", "g:4", "m4"]


def test_the_champions_of_every_pipeline_stay(store: FakeParameters, clock: FakeClock) -> None:
    serve(store, clock, "m2", pipeline="another")
    set_challenger(store, registry=Registry(pipeline="third"), model="m3", actor="a", reason="r", clock=clock)
    assert removed(store, clock, Services()) == ["f4", "g:4", "m4"]


def test_a_checkpoint_in_service_keeps_its_jobs_model(store: FakeParameters, clock: FakeClock) -> None:
    serve(store, clock, "c3")
    assert "m3" not in removed(store, clock, Services())


@pytest.mark.parametrize("status", ["queued", "running", "a-word-of-next-year"])
def test_what_a_job_that_may_run_uses_stays(store: FakeParameters, clock: FakeClock, status: str) -> None:
    services = Services(jobs=[*(job(n) for n in (1, 2, 4, 5)), job(3, status=status)])
    assert not {"f3", "g:3"} & set(removed(store, clock, services))


def test_what_a_job_of_another_pipeline_used_stays(store: FakeParameters, clock: FakeClock) -> None:
    services = Services(jobs=[*(job(n) for n in (1, 2, 4, 5)), job(3, owner="x")])
    assert not {"f3", "g:3", "m3"} & set(removed(store, clock, services))


def test_the_live_version_stays(store: FakeParameters, clock: FakeClock) -> None:
    assert "g:3" not in removed(store, clock, Services(live=3))


def test_another_pipeline_has_nothing_to_remove(store: FakeParameters, clock: FakeClock) -> None:
    assert removed(store, clock, Services(), pipeline="q") == []


def test_a_failed_jobs_file_goes(store: FakeParameters, clock: FakeClock) -> None:
    services = Services(jobs=[*(job(n) for n in (1, 2, 4, 5)), job(3, status="failed")])
    assert {"f3", "g:3"} <= set(removed(store, clock, services))


def test_models_that_answer_through_a_deployment_are_left_alone(store: FakeParameters, clock: FakeClock) -> None:
    assert not {"m2", "m3", "m4"} & set(removed(store, clock, Services(needs_deployment=True)))


@dataclass
class Deployed:
    """Deployments of the models with these numbers, by number: name."""

    names: dict[int, str]
    switching_to: dict[int, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def list(self) -> Iterator[Deployment]:
        for number, name in self.names.items():
            yield Deployment(
                model=f"d{number}",
                name=name,
                serving=DeploymentKind.ON_DEMAND,
                custom_model=f"m{number}",
                status="Active",
                created_at=float(number),
                next_model=self.switching_to.get(number, ""),
            )

    def delete(self, model: str) -> None:
        if model in self.refused:
            raise ResourceConflict(f"{model} is under commitment.")


def removed_natively(store: FakeParameters, clock: FakeClock, services: Services, deployed: Deployed) -> list[str]:
    """In the order of removal, of the native plane's things alone."""
    found = take_inventory([services], services, lineage=manifests(), pipeline="p", deployments=deployed)  # type: ignore[arg-type,list-item]
    clock.sleep(1e9)
    plan = plan_clean_up(
        store,
        registries=every_registry(store),
        lineage=manifests(),
        stored=found.stored,
        policy=RetentionPolicy(keep_days=0, keep_last=1),
        clock=clock,
        in_use=found.in_use,
    )
    order: list[str] = []

    def delete_model(model: str) -> None:
        order.append(model)

    def delete(model: str) -> None:
        deployed.delete(model)
        order.append(model)

    services.delete_model = delete_model  # type: ignore[method-assign]
    removers = removers_of(services, services, native=services, delete_deployment=delete)  # type: ignore[arg-type]
    gone = clean_up(plan, removers, is_dry_run=False)
    assert {one.reference.split(":", 1)[1] for one in gone} >= set(order)
    return order


ALL = {number: f"rft-m{number}" for number in range(1, 6)}


def native(jobs: list[Job] | None = None) -> Services:
    return Services(jobs=jobs or [job(n) for n in range(1, 6)], needs_deployment=True)


def test_deployments_go_before_the_models_that_they_serve(store: FakeParameters, clock: FakeClock) -> None:
    order = removed_natively(store, clock, native(), Deployed(ALL))
    assert order == ["d1", "d2", "d3", "d4", "m1", "m2", "m3", "m4"]


def test_a_deployed_champion_and_its_predecessor_stay_with_their_models(
    store: FakeParameters, clock: FakeClock
) -> None:
    serve(store, clock, "d2", "d3")
    assert removed_natively(store, clock, native(), Deployed(ALL)) == ["d1", "d4", "m1", "m4"]


def test_what_somebody_else_deployed_stays(store: FakeParameters, clock: FakeClock) -> None:
    order = removed_natively(store, clock, native(), Deployed({**ALL, 2: "of-an-application"}))
    assert not {"d2", "m2"} & set(order)


def test_what_a_deployment_is_being_switched_to_stays(store: FakeParameters, clock: FakeClock) -> None:
    serve(store, clock, "d2")
    assert "m4" not in removed_natively(store, clock, native(), Deployed(ALL, switching_to={2: "m4"}))


def test_a_model_that_another_was_trained_from_stays(store: FakeParameters, clock: FakeClock) -> None:
    jobs = [*(job(n) for n in range(1, 5)), replace(job(5), model="m3")]
    assert "m3" not in removed_natively(store, clock, native(jobs), Deployed({}))


def test_what_the_service_does_not_let_go_stays_and_the_rest_goes(store: FakeParameters, clock: FakeClock) -> None:
    order = removed_natively(store, clock, native(), Deployed(ALL, refused={"d1"}))
    assert "d1" not in order
    assert {"d2", "d3", "d4"} <= set(order)


def test_without_being_told_of_deployments_nothing_native_goes(store: FakeParameters, clock: FakeClock) -> None:
    services = native()
    removed(store, clock, services)
    assert not [one for one in services.removed if one.startswith(("m", "d"))]


def test_a_listing_that_names_no_grader_is_asked_again(store: FakeParameters, clock: FakeClock) -> None:
    running = job(3, status="running")
    services = Services(
        jobs=[*(job(n) for n in (1, 2, 4, 5)), replace(running, grader_arn="", training_data="")], full_jobs=[running]
    )
    assert not {"f3", "g:3"} & set(removed(store, clock, services))
