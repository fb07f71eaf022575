"""Remove what a pipeline no longer needs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.inputs import fields_of, is_true, one_of, text_of
from airflow_provider_bedrock_rft.hooks.payloads import to_xcom
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.errors import ResourceConflict
    from airflow_provider_bedrock_rft.core.promotion.retention import RetentionPlan, Stored
    from airflow_provider_bedrock_rft.core.steps.retention import CleanUp
    from airflow_provider_bedrock_rft.hooks.inputs import Text

PLANES = ("mantle", "native")


class BedrockRftCleanUpOperator(BedrockRftOperator):
    """Remove files, graders' old versions, models and deployments that a pipeline no longer needs; or only say which.

    Only what the pipeline's manifests say it made is ever considered, and the deployments of its models that have the
    name we give. Whatever the policy says, these stay: every pipeline's champion, the one before it and its challenger,
    all that they were made from, what a running job or a job of another pipeline uses, a grader's live version, what a
    deployment of another name serves, and what anything kept refers to. Returns ``rft.clean_up``.

    Args:
        artifacts_uri: Where the pipeline's manifests are.
        pipeline: Whose things; the DAG's id when left out.
        policy: Fields of ``RetentionPolicy``: ``keep_days``, ``keep_last``, ``days_by_kind`` (``file``, ``grader``,
            ``model``, ``checkpoint``; of the native plane ``custom_model``, ``deployment``).
        planes: Whose jobs are asked what they use: ``mantle``, ``native``. Leave out only what the account has not.
        remove: Remove, instead of only saying what would be removed.
        kwargs: As for every operator of this package.
    """

    template_fields = ("artifacts_uri", "pipeline", "policy", "remove", *CONNECTION_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"policy": "json"}

    def __init__(
        self,
        *,
        artifacts_uri: Text,
        pipeline: str = "{{ dag.dag_id }}",
        policy: Mapping[str, object] | None = None,
        planes: Sequence[str] = PLANES,
        remove: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.artifacts_uri = artifacts_uri
        self.pipeline = pipeline
        self.policy = policy
        self.planes = [one_of("planes", plane, *PLANES) for plane in planes]
        self.remove = remove

    def execute(self, context: Context) -> dict[str, object]:  # noqa: ARG002 -- Airflow's signature
        """Plan, and remove if told to."""
        with failing_fast():
            done = self._clean_up(is_dry_run=not is_true(self.remove, "remove"))
        verb = "would be removed" if done.is_dry_run else "removed"
        for reference in done.removed:
            self.log.info("%s: %s", verb, reference)
        self.log.info("%s things %s, %s stay.", len(done.removed), verb, done.n_kept)
        return to_xcom(done)

    def _clean_up(self, *, is_dry_run: bool) -> CleanUp:
        from airflow_provider_bedrock_rft.core.steps.retention import CleanUp, clean_up

        plan = self._plan()
        for reason, n in sorted(Counter(plan.kept.values()).items()):
            self.log.info("%s stay: %s", n, reason)
        gone = clean_up(plan, self._removers(), is_dry_run=is_dry_run, on_refused=self._refused)
        return CleanUp(is_dry_run=is_dry_run, removed=tuple(one.reference for one in gone), n_kept=len(plan.kept))

    def _removers(self) -> Mapping[str, Callable[[str], None]]:
        from airflow_provider_bedrock_rft.core.steps.deployment import delete_deployment
        from airflow_provider_bedrock_rft.core.steps.inventory import removers_of

        hook = self.hook
        if "native" not in self.planes:
            return removers_of(hook.training, hook.functions)

        def take_out_of_service(model: str) -> None:
            delete_deployment(hook.deployments, model, clock=self.clock)

        return removers_of(
            hook.training, hook.functions, native=hook.native_training, delete_deployment=take_out_of_service
        )

    def _refused(self, stored: Stored, error: ResourceConflict) -> None:
        self.log.warning("%s stays: %s", stored.reference, error)

    def _plan(self) -> RetentionPlan:
        from airflow_provider_bedrock_rft.core.promotion.retention import RetentionPolicy
        from airflow_provider_bedrock_rft.core.steps.inventory import take_inventory
        from airflow_provider_bedrock_rft.core.steps.lineage import load_lineage
        from airflow_provider_bedrock_rft.core.steps.retention import every_registry, plan_clean_up

        hook = self.hook
        place = text_of(self.artifacts_uri, "artifacts_uri", {})
        pipeline = Registry(pipeline=self.pipeline).pipeline
        policy = fields_of(self.policy, "policy", RetentionPolicy)
        planes = [hook.training if plane == "mantle" else hook.native_training for plane in self.planes]
        lineage = load_lineage(hook.objects, artifacts_uri=place)
        deployments = hook.deployments if "native" in self.planes else None
        inventory = take_inventory(planes, hook.functions, lineage=lineage, pipeline=pipeline, deployments=deployments)
        return plan_clean_up(
            hook.parameters,
            registries=every_registry(hook.parameters),
            lineage=lineage,
            stored=inventory.stored,
            policy=policy,
            clock=self.clock,
            in_use=inventory.in_use,
        )
