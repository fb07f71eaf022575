"""Where every task writes down what it took and made; a record that cannot be written fails nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest

COMPONENTS = ("airflow-provider-bedrock-rft", "apache-airflow")
Refs = Mapping[str, tuple[str, str]]
"""Role → kind and name of an artefact; one without a name is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFacts:
    """What one stage took and made.

    Attributes:
        stage: A word of ``core.lineage.manifest.Stage``.
        inputs: What it took.
        outputs: What it made.
        parameters: Setting → value; ``None`` is left out.
        results: Number → value; ``None`` is left out.
        started_at: Epoch seconds, where the work is not the task's own; else the task's start.
        finished_at: Likewise; else now.
    """

    stage: str
    inputs: Refs = field(default_factory=dict)
    outputs: Refs = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    results: Mapping[str, float | None] = field(default_factory=dict)
    started_at: float | None = None
    finished_at: float | None = None


def manifest_of(facts: StageFacts, context: Context, *, pipeline: str, now: float) -> Manifest:
    """The manifest of a running task."""
    from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest, Stage

    ti = context["ti"]
    began = getattr(ti, "start_date", None)
    started = began.timestamp() if began is not None else now
    return Manifest(
        pipeline=pipeline or ti.dag_id,
        run_id=ti.run_id,
        stage=Stage(facts.stage),
        inputs=references_of(facts.inputs),
        outputs=references_of(facts.outputs),
        parameters={name: str(value) for name, value in facts.parameters.items() if value not in (None, "")},
        results={name: value for name, value in facts.results.items() if value is not None},
        versions={component: version(component) for component in COMPONENTS},
        started_at=started if facts.started_at is None else facts.started_at,
        finished_at=now if facts.finished_at is None else facts.finished_at,
    )


def references_of(refs: Refs) -> dict[str, str]:
    """Role → reference, as manifests name artefacts; what has no name is left out."""
    from airflow_provider_bedrock_rft.core.lineage.manifest import ref

    return {role: ref(kind, quote(name, safe=":/+=,@-_.")) for role, (kind, name) in refs.items() if name}
