"""Decide about a candidate, and move the champion so that two pipelines cannot both win."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import canonical_json, load
from airflow_provider_bedrock_rft.core.errors import InvalidInput, InvalidPayload, ResourceConflict
from airflow_provider_bedrock_rft.core.identifiers import ModelId
from airflow_provider_bedrock_rft.core.promotion.gate import judge
from airflow_provider_bedrock_rft.core.promotion.rollout import ChampionEntry, Registry, plain_reason, to_value
from airflow_provider_bedrock_rft.core.steps.ledger import enter_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison
    from airflow_provider_bedrock_rft.core.ports import ParameterStore
    from airflow_provider_bedrock_rft.core.promotion.decision import Decision
    from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy

_MAX_TRIES = 20
"""Lost races after which somebody else is moving the champion all the time."""


def decide(
    parameters: ParameterStore,
    *,
    registry: Registry,
    comparison: Comparison,
    policy: PromotionPolicy,
    test_id: str,
    clock: Clock,
    training_reward: float | None = None,
) -> Decision:
    """Judge a comparison; where the policy bounds the year's risk, the test is entered into the pipeline's ledger.

    Judging the same comparison again is no new test and gives the same decision.

    Raises:
        ResourceConflict: The ledger is being written by somebody else all the time.
    """
    alpha = None
    if policy.yearly_risk is not None:
        entry = enter_test(
            parameters, registry=registry, comparison=comparison, policy=policy, test_id=test_id, now=clock.now()
        )
        alpha = entry.alpha
    return judge(comparison, policy, alpha=alpha, training_reward=training_reward)


def promote(  # noqa: PLR0913 - a promotion says who, what and why
    parameters: ParameterStore,
    *,
    registry: Registry,
    model: str,
    promotion_id: str,
    actor: str,
    reason: str,
    clock: Clock,
    expected_model: str | None = None,
    lineage: Mapping[str, str] | None = None,
) -> ChampionEntry:
    """Make ``model`` the champion.

    Of concurrent promotions exactly one claims the next number. A retry with the same ``promotion_id`` finds its entry
    and changes nothing, and a move that was interrupted half-way is finished by whoever comes next.

    Args:
        parameters: Where the registry lives.
        registry: Whose champion.
        model: The model that is to serve.
        promotion_id: Names this promotion; a dag run's id, say.
        actor: Who promotes.
        reason: Why.
        clock: For the entry's time.
        expected_model: The champion the candidate was compared with; empty for none, ``None`` for whichever.
        lineage: Name → fingerprint.

    Raises:
        ResourceConflict: The champion is not ``expected_model`` any more.
    """
    ModelId.parse(model)

    def following(champion: ChampionEntry | None) -> ChampionEntry:
        serving = champion.model if champion else ""
        if expected_model is not None and serving != expected_model:
            raise ResourceConflict(
                f"The champion of {registry.pipeline} is {serving or 'nobody'}; the candidate was compared with "
                f"{expected_model or 'nobody'}.",
                action="Evaluate the candidate against the present champion.",
                champion=serving,
            )
        return ChampionEntry(
            number=champion.number + 1 if champion else 1,
            pipeline=registry.pipeline,
            model=model,
            action="promote",
            promotion_id=promotion_id,
            actor=actor,
            reason=plain_reason(reason),
            at=clock.now(),
            previous_model=serving,
            predecessor=_predecessor(champion, model),
            lineage=lineage or {},
        )

    return _move(parameters, registry, promotion_id, following)


def rollback(
    parameters: ParameterStore,
    *,
    registry: Registry,
    rollback_id: str,
    actor: str,
    reason: str,
    clock: Clock,
) -> ChampionEntry:
    """Restore the champion before the present one; a rollback after a rollback goes one further back.

    Raises:
        InvalidInput: There is no champion, or none before it.
    """

    def following(champion: ChampionEntry | None) -> ChampionEntry:
        if champion is None or not champion.predecessor:
            raise InvalidInput(
                f"There is no earlier champion of {registry.pipeline} to return to.",
                action="Promote a model first.",
            )
        restored = _entry(parameters, registry, champion.predecessor)
        if restored is None:
            raise InvalidInput(
                f"The entry {registry.entry(champion.predecessor)} is gone.", action="Promote a model by its id."
            )
        return replace(
            restored,
            number=champion.number + 1,
            action="rollback",
            promotion_id=rollback_id,
            actor=actor,
            reason=plain_reason(reason),
            at=clock.now(),
            previous_model=champion.model,
        )

    return _move(parameters, registry, rollback_id, following)


def champion_of(parameters: ParameterStore, *, registry: Registry, repairs: bool = True) -> ChampionEntry | None:
    """The champion, ``None`` before the first promotion; finishes a move that was interrupted, if it ``repairs``."""
    alias = parameters.get(registry.champion)
    at_alias = _parse(alias.value, registry.champion) if alias else None
    newest = at_alias
    while found := _entry(parameters, registry, (newest.number if newest else 0) + 1):
        newest = found
    if repairs and newest is not None and newest != at_alias:
        parameters.put(registry.champion, to_value(newest))
    return newest


def history_of(parameters: ParameterStore, *, registry: Registry, repairs: bool = True) -> Iterator[ChampionEntry]:
    """Every change of champion, newest first; ``repairs`` as for :func:`champion_of`."""
    champion = champion_of(parameters, registry=registry, repairs=repairs)
    for number in range(champion.number if champion else 0, 0, -1):
        if entry := _entry(parameters, registry, number):
            yield entry


def set_challenger(
    parameters: ParameterStore, *, registry: Registry, model: str, actor: str, reason: str, clock: Clock
) -> None:
    """Name the candidate under consideration; the last writer wins."""
    fields = {"model": str(ModelId.parse(model)), "actor": actor, "reason": plain_reason(reason), "at": clock.now()}
    parameters.put(registry.challenger, canonical_json(fields).decode())


def _move(
    parameters: ParameterStore,
    registry: Registry,
    promotion_id: str,
    following: Callable[[ChampionEntry | None], ChampionEntry],
) -> ChampionEntry:
    for _ in range(_MAX_TRIES):
        champion = champion_of(parameters, registry=registry)
        for entry in history_of(parameters, registry=registry):
            if entry.promotion_id == promotion_id:
                return entry
        entry = following(champion)
        try:
            parameters.create(registry.entry(entry.number), to_value(entry))
        except ResourceConflict:
            continue  # somebody else claimed the number: look again who is champion
        parameters.put(registry.champion, to_value(entry))
        champion_of(parameters, registry=registry)  # a later move may have been overtaken by this write
        return entry
    raise ResourceConflict(
        f"The champion of {registry.pipeline} is being moved by others all the time.",
        action="Let one pipeline promote at a time.",
    )


def _predecessor(champion: ChampionEntry | None, model: str) -> int:
    """What a rollback returns to: the present entry, unless it holds the very same model."""
    if champion is None:
        return 0
    return champion.predecessor if champion.model == model else champion.number


def _entry(parameters: ParameterStore, registry: Registry, number: int) -> ChampionEntry | None:
    name = registry.entry(number)
    parameter = parameters.get(name)
    return _parse(parameter.value, name) if parameter else None


def _parse(value: str, name: str) -> ChampionEntry:
    try:
        return load(ChampionEntry, json.loads(value))
    except (ValueError, InvalidPayload) as error:
        raise InvalidPayload(
            f"The parameter {name} is no champion entry of ours: {error}", action="Restore it from its history in SSM."
        ) from None
