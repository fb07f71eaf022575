"""Clean up behind a pipeline, dry by default."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.errors import ResourceConflict
from airflow_provider_bedrock_rft.core.lineage.manifest import ref
from airflow_provider_bedrock_rft.core.promotion.retention import RetentionPlan, RetentionPolicy, Stored, plan_removal
from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
from airflow_provider_bedrock_rft.core.steps.promotion import champion_of, history_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.lineage.graph import Lineage
    from airflow_provider_bedrock_rft.core.ports import ParameterStore

ROOT = "/bedrock-rft"


@payload("rft.clean_up")
@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """What a clean-up has done.

    Attributes:
        is_dry_run: Nothing was removed; this is what would have been.
        removed: References, oldest first.
        n_kept: Things of the pipeline that stay.
    """

    is_dry_run: bool
    removed: tuple[str, ...]
    n_kept: int


def every_registry(parameters: ParameterStore, *, root: str = ROOT) -> tuple[Registry, ...]:
    """The registries of all pipelines below ``root``: files, graders and models may serve any of them."""
    parts = [name.removeprefix(f"{root}/").split("/") for name in parameters.names(root)]
    named = {pipeline for pipeline, *rest in parts if rest and rest[0] in {"champion", "challenger", "history"}}
    return tuple(Registry(pipeline=pipeline, root=root) for pipeline in sorted(named))


def plan_clean_up(
    parameters: ParameterStore,
    *,
    registries: Sequence[Registry],
    lineage: Lineage,
    stored: Sequence[Stored],
    policy: RetentionPolicy,
    clock: Clock,
    in_use: Mapping[str, str] | None = None,
) -> RetentionPlan:
    """What could go. Pass every registry whose models share the stored things: each protects its own.

    ``in_use`` is what else must stay, reference → reason.
    """
    protected: dict[str, str] = dict(in_use or {})
    for registry in registries:
        protected.update(protected_by(parameters, registry=registry, lineage=lineage))
    return plan_removal(stored, protected=protected, policy=policy, now=clock.now())


def protected_by(parameters: ParameterStore, *, registry: Registry, lineage: Lineage) -> Mapping[str, str]:
    """Reference → reason: champion, the one before it, the challenger, and all they were made from."""
    found: dict[str, str] = {}
    for model, role in _models_in_service(parameters, registry):
        reason = f"{role} of {registry.pipeline}"
        for reference in lineage.references_behind(ref("model", model)):
            found.setdefault(reference, reason if reference == ref("model", model) else f"made the {reason}")
    champion = champion_of(parameters, registry=registry)
    for kind, name in (champion.lineage if champion else {}).items():
        found.setdefault(ref(kind, name), f"made the champion of {registry.pipeline}")
    return found


def _models_in_service(parameters: ParameterStore, registry: Registry) -> Iterator[tuple[str, str]]:
    entries = {entry.number: entry for entry in history_of(parameters, registry=registry)}
    if entries:
        champion = entries[max(entries)]
        yield champion.model, "champion"
        if champion.predecessor in entries:
            yield entries[champion.predecessor].model, "predecessor of the champion"
        if champion.previous_model:
            yield champion.previous_model, "former champion"
    if challenger := parameters.get(registry.challenger):
        yield str(json.loads(challenger.value)["model"]), "challenger"


def clean_up(
    plan: RetentionPlan,
    removers: Mapping[str, Callable[[str], None]],
    *,
    is_dry_run: bool = True,
    on_refused: Callable[[Stored, ResourceConflict], None] = lambda _stored, _error: None,
) -> tuple[Stored, ...]:
    """Remove what the plan says, by kind; returns what was removed (or would be, on a dry run).

    Kinds without a remover stay, and so does what the service refuses to let go (a commitment, another deployment).
    What refers to something goes before it. Removers take the reference's name and do not mind what is gone already.
    """
    going = _holders_first([one for one in plan.removed if one.kind in removers])
    if is_dry_run:
        return going
    return tuple(one for one in going if _is_removed(one, removers[one.kind], on_refused))


def _is_removed(
    one: Stored, remove: Callable[[str], None], on_refused: Callable[[Stored, ResourceConflict], None]
) -> bool:
    try:
        remove(one.reference.split(":", 1)[1])
    except ResourceConflict as error:
        on_refused(one, error)
        return False
    return True


def _holders_first(going: Sequence[Stored]) -> tuple[Stored, ...]:
    referred = {reference for one in going for reference in one.refers_to}
    return tuple(sorted(going, key=lambda one: (one.reference in referred, one.created_at, one.reference)))
