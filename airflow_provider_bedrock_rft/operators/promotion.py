"""Decide about a candidate, and move the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_bedrock_rft.assets import describe_event
from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
from airflow_provider_bedrock_rft.hooks import stages
from airflow_provider_bedrock_rft.hooks.approval import approver_in, markdown_of
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.gate import GateResult, table_of
from airflow_provider_bedrock_rft.hooks.inputs import MODEL, fields_of, text_of
from airflow_provider_bedrock_rft.hooks.intents import key_of
from airflow_provider_bedrock_rft.hooks.payloads import payload_of, to_xcom
from airflow_provider_bedrock_rft.links import BedrockRftAliasLink, BedrockRftPageLink, ShowsLinks, parameter_url
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator
from airflow_provider_bedrock_rft.operators.steering import SteersByVerdict, check_branches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy
    from airflow_provider_bedrock_rft.core.promotion.rollout import ChampionEntry
    from airflow_provider_bedrock_rft.hooks.inputs import Given, Payload, Text

VERDICTS = ("promote", "hold", "reject")
APPROVAL = "approve"
"""In ``branches``: what a ``promote`` follows when the policy asks for a person's approval."""


class BedrockRftPromotionGateOperator(BedrockRftOperator, SteersByVerdict):
    """Compare two evaluations, hold the comparison against a policy, and steer the DAG by the verdict.

    Without ``branches``, what follows runs on ``promote`` only and is skipped on ``hold`` and ``reject``. The task
    itself succeeds with every verdict. Returns the payload ``rft.gate`` (``verdict``, ``reasons``, ``candidate_model``,
    ``difference`` …); judging the same evaluations again gives the same verdict, and where the policy has a
    ``yearly_risk`` it is no new test in the year's ledger. The comparison as Markdown, for an approval's body, is also
    pushed under the key ``markdown``. Prompts that a candidate checkpoint was chosen on are refused in its test.

    Args:
        pipeline: Whose champion is at stake; the DAG's id when left out.
        baseline: Output of the evaluation of what serves now.
        candidate: Output of the evaluation of what may replace it.
        policy: Fields of ``PromotionPolicy``.
        metric: Judge by this number of the grader's reply instead of the score; ``auto`` takes ``correct`` where the
            grader reports it.
        branches: Verdict → task id (or ids) to follow; a verdict that is left out follows none. ``approve`` is followed
            instead of ``promote`` when the policy asks for a person's approval.
        artifacts_uri: Where the manifest of the decision is written; none without it.
        training_reward: Mean reward at the end of training, where the policy bounds its distance to the score.
        seed: Of every draw.
        kwargs: As for every operator of this package.
    """

    inherits_from_skipmixin = True
    template_fields = (
        "pipeline",
        "baseline",
        "candidate",
        "policy",
        "metric",
        "artifacts_uri",
        "training_reward",
        *CONNECTION_FIELDS,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"baseline": "json", "candidate": "json", "policy": "json"}

    def __init__(
        self,
        *,
        baseline: Payload,
        candidate: Payload,
        pipeline: str = "{{ dag.dag_id }}",
        policy: Mapping[str, object] | None = None,
        metric: str = "",
        branches: Mapping[str, str | Sequence[str]] | None = None,
        artifacts_uri: Text | None = None,
        training_reward: float | str | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.baseline = baseline
        self.candidate = candidate
        self.policy = policy
        self.metric = metric
        self.branches = check_branches(branches, (*VERDICTS, APPROVAL))
        self.artifacts_uri = artifacts_uri
        self.training_reward = training_reward
        self.seed = seed

    def execute(self, context: Context) -> dict[str, object]:
        """Decide, then skip what the verdict rules out."""
        with failing_fast():
            result = self._decide(context)
        for line in table_of(result):
            self.log.info(line)
        route = APPROVAL if result.verdict == "promote" and result.needs_approval else result.verdict
        if route == APPROVAL and APPROVAL not in (self.branches or {}):
            route = result.verdict
        return self.steer(context, route, to_xcom(result), goes_on=result.verdict == "promote")

    def _decide(self, context: Context) -> GateResult:
        from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
        from airflow_provider_bedrock_rft.core.steps.evaluation import compare_runs
        from airflow_provider_bedrock_rft.core.steps.promotion import champion_of, decide

        registry = Registry(pipeline=self.pipeline)
        policy = self._policy()
        baseline = payload_of(self.baseline, "baseline", EvaluationRun)
        candidate = payload_of(self.candidate, "candidate", EvaluationRun)
        champion = champion_of(self.hook.parameters, registry=registry)
        comparison = compare_runs(
            self.hook.objects,
            baseline,
            candidate,
            metric=self.metric or "",
            confidence=policy.confidence,
            seed=self.seed,
        )
        decision = decide(
            self.hook.parameters,
            registry=registry,
            comparison=comparison,
            policy=policy,
            test_id=key_of(context),
            clock=self.clock,
            training_reward=_number(self.training_reward),
        )
        result = GateResult.of(
            comparison, decision, registry, baseline=baseline, candidate=candidate, champion=champion
        )
        context["ti"].xcom_push(key="markdown", value=markdown_of(comparison, result))
        self.record(context, lambda: stages.of_decision(result, baseline, candidate, self.policy or {}))
        return result

    def _policy(self) -> PromotionPolicy:
        from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy

        return fields_of(self.policy, "policy", PromotionPolicy)


class BedrockRftPromoteModelOperator(ShowsLinks, BedrockRftOperator):
    """Make a model the champion: its alias in SSM Parameter Store then names it.

    Of concurrent promotions one wins; a retry changes nothing. Give ``outlets=[model_asset(pipeline)]`` to start what
    depends on the model. Returns the payload ``rft.champion``.

    Args:
        pipeline: Whose champion; the DAG's id when left out.
        model: Model id, or the output of a task that made or chose one; may be left out when ``gate`` is given.
        gate: Output of ``BedrockRftPromotionGateOperator``: refuses when the verdict is not ``promote``, or when
            another champion serves than the one that the gate has seen.
        approval: Output of Airflow's ``ApprovalOperator``; a gate whose policy asks for approval is refused without it.
        reason: Why; the gate's summary when left out.
        lineage: Kind → name of what the model was made from; the gate's grader when left out.
        artifacts_uri: Where the manifest of the promotion is written; none without it.
        kwargs: As for every operator of this package.
    """

    template_fields = (
        "pipeline",
        "model",
        "gate",
        "approval",
        "reason",
        "lineage",
        "artifacts_uri",
        *CONNECTION_FIELDS,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"model": "json", "gate": "json", "lineage": "json"}
    operator_extra_links = (BedrockRftAliasLink(), BedrockRftPageLink())

    def __init__(
        self,
        *,
        pipeline: str = "{{ dag.dag_id }}",
        model: Given | None = None,
        gate: Payload | None = None,
        approval: Payload | None = None,
        reason: str = "",
        lineage: Mapping[str, str] | None = None,
        artifacts_uri: Text | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.model = model
        self.gate = gate
        self.approval = approval
        self.reason = reason
        self.lineage = lineage
        self.artifacts_uri = artifacts_uri

    def execute(self, context: Context) -> dict[str, object]:
        """Promote."""
        from airflow_provider_bedrock_rft.core.steps.promotion import promote

        with failing_fast():
            gate = payload_of(self.gate, "gate", GateResult) if self.gate is not None else None
            approver = self._approver(gate)
            registry = Registry(pipeline=self.pipeline)
            entry = promote(
                self.hook.parameters,
                registry=registry,
                model=self._chosen_model(gate),
                promotion_id=key_of(context),
                actor=f"airflow: {context['ti'].dag_id} {context['ti'].run_id}{approver}",
                reason=self.reason or (gate.summary if gate else "No reason was given."),
                clock=self.clock,
                expected_model=gate.champion_model if gate else None,
                lineage=self.lineage or ({"grader": gate.grader_arn} if gate and gate.grader_arn else None),
            )
        self.record(context, lambda: stages.of_champion(entry, gate))
        return announce(self, context, registry, entry)

    def _approver(self, gate: GateResult | None) -> str:
        """Who approved, in words for the history; skips where gate or person said no."""
        if gate and gate.verdict != "promote":
            raise AirflowSkipException(f"The gate did not say promote: {gate.summary}")
        name = approver_in(self.approval)
        if name:
            return f", approved by {name}"
        if name is not None:
            raise AirflowSkipException("The promotion was rejected by a person.")
        if gate and gate.needs_approval:
            raise InvalidInput(
                "The policy asks for a person's approval, and there is none.",
                action="Put an ApprovalOperator between gate and promotion, and give approval=<task>.output.",
            )
        return ""

    def _chosen_model(self, gate: GateResult | None) -> str:
        if self.model is not None:
            return text_of(self.model, "model", MODEL)
        if gate is None:
            raise InvalidInput("Neither model nor gate was given.", action="Give model=<task>.output.")
        return gate.candidate_model


class BedrockRftRollbackModelOperator(ShowsLinks, BedrockRftOperator):
    """Restore the champion before the present one; a retry changes nothing. Returns the payload ``rft.champion``.

    Args:
        pipeline: Whose champion; the DAG's id when left out.
        reason: Why.
        artifacts_uri: Where the manifest of the rollback is written; none without it.
        kwargs: As for every operator of this package.
    """

    template_fields = ("pipeline", "reason", "artifacts_uri", *CONNECTION_FIELDS)
    operator_extra_links = (BedrockRftAliasLink(), BedrockRftPageLink())

    def __init__(
        self,
        *,
        reason: str,
        pipeline: str = "{{ dag.dag_id }}",
        artifacts_uri: Text | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reason = reason
        self.pipeline = pipeline
        self.artifacts_uri = artifacts_uri

    def execute(self, context: Context) -> dict[str, object]:
        """Roll back."""
        from airflow_provider_bedrock_rft.core.steps.promotion import rollback

        with failing_fast():
            registry = Registry(pipeline=self.pipeline)
            entry = rollback(
                self.hook.parameters,
                registry=registry,
                rollback_id=key_of(context),
                actor=f"airflow: {context['ti'].dag_id} {context['ti'].run_id}",
                reason=text_of(self.reason, "reason", {}),
                clock=self.clock,
            )
        self.record(context, lambda: stages.of_champion(entry, None))
        return announce(self, context, registry, entry)


def announce(
    task: BedrockRftPromoteModelOperator | BedrockRftRollbackModelOperator,
    context: Context,
    registry: Registry,
    entry: ChampionEntry,
) -> dict[str, object]:
    """Log who is champion now, link to the alias, and tell the assets' consumers."""
    before = entry.previous_model or "nobody"
    task.log.info("Champion of %s: %s (before: %s), entry %s.", entry.pipeline, entry.model, before, entry.number)
    if not task.hook.client_config.endpoint_url:
        task.show_link(context, BedrockRftAliasLink, parameter_url(task.hook.region_name, registry.champion))
    describe_event(
        context,
        {"model": entry.model, "previous_model": entry.previous_model, "action": entry.action, "number": entry.number},
    )
    return to_xcom(entry)


def _number(given: float | str | None) -> float | None:
    if given in (None, "", "None"):
        return None
    try:
        return float(str(given))
    except ValueError:
        raise InvalidInput(f"training_reward is {given!r}; it must be a number.") from None
