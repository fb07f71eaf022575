"""The project's own earlier jobs, as their manifests tell them: what a forecast of time and cost is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.job.forecast import PastRun
from airflow_provider_bedrock_rft.core.lineage.manifest import Stage, ref
from airflow_provider_bedrock_rft.core.steps.lineage import load_lineage

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest
    from airflow_provider_bedrock_rft.core.ports import ObjectStore


def past_runs(objects: ObjectStore, *, artifacts_uri: str, model: str) -> list[PastRun]:
    """The jobs below ``artifacts_uri`` that made something of ``model``, each once.

    Raises:
        InvalidPayload: A manifest cannot be read; its URI is named.
    """
    wanted = ref("model", model)
    jobs = {
        manifest.outputs.get("job", manifest.path): manifest
        for manifest in load_lineage(objects, artifacts_uri=artifacts_uri).manifests
        if manifest.stage is Stage.JOB and manifest.inputs.get("base model") == wanted
    }
    return [run for run in map(_run_of, jobs.values()) if run.n_steps > 0 and run.seconds > 0]


def _run_of(manifest: Manifest) -> PastRun:
    seconds = manifest.finished_at - manifest.started_at
    return PastRun(n_steps=int(manifest.results.get("steps", 0)), seconds=seconds)
