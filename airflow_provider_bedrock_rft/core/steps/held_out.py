"""The rewards of a running job's checkpoints on held-out prompts, as the run's own evaluations find them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import load
from airflow_provider_bedrock_rft.core.errors import InvalidPayload
from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest, Stage, ref
from airflow_provider_bedrock_rft.core.steps.checkpoint import list_checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.core.job.job import Job
    from airflow_provider_bedrock_rft.core.ports import ObjectStore, TrainingService


class HeldOutRewards:
    """Reads each evaluation's manifest once.

    Args:
        objects: Where manifests are kept; called at every look.
        folder: The run's, below the lineage folder.
    """

    def __init__(self, objects: Callable[[], ObjectStore], folder: str) -> None:
        self._objects = objects
        self._folder = folder.rstrip("/") + "/"
        self._means: dict[str, float] = {}
        self._read: set[str] = set()

    def rewards(self, training: TrainingService, job: Job) -> tuple[float, ...]:
        """Of the base model and of each checkpoint that was evaluated, by step.

        Raises:
            InvalidPayload: A manifest cannot be read; its URI is named.
        """
        if not training.capabilities.has_checkpoints:
            return ()
        self._learn()
        if not self._means:
            return ()
        models = [job.model, *(checkpoint.model for checkpoint in list_checkpoints(training, job.job_id))]
        return tuple(self._means[name] for name in (ref("model", model) for model in models) if name in self._means)

    def _learn(self) -> None:
        objects = self._objects()
        for uri in objects.list(f"{self._folder}{Stage.EVALUATION.value}-"):
            if uri in self._read:
                continue
            manifest = _manifest_at(objects, uri)
            if "mean" in manifest.results:
                self._means[manifest.inputs.get("model", "")] = manifest.results["mean"]
            self._read.add(uri)


def _manifest_at(objects: ObjectStore, uri: str) -> Manifest:
    try:
        return load(Manifest, json.loads(objects.get(uri)))
    except (ValueError, InvalidPayload) as error:
        raise InvalidPayload(f"{uri} is no manifest: {error}", action="Move the object elsewhere.") from None
