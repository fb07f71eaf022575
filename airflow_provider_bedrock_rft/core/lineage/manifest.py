"""What one stage of a run took and made: enough to tell a model's whole ancestry from the object store alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from airflow_provider_bedrock_rft.core.codec import fingerprint, payload
from airflow_provider_bedrock_rft.core.errors import InvalidIdentifier

_REF = re.compile(r"(?P<kind>[a-z_]{1,32}):(?P<name>\S{1,2048})")


class Stage(str, Enum):
    """A stage of the pipeline, in its order."""

    DATASET = "dataset"
    GRADER = "grader"
    READINESS = "readiness"
    JOB = "job"
    CHECKPOINT = "checkpoint"
    EVALUATION = "evaluation"
    DECISION = "decision"
    PROMOTION = "promotion"


def ref(kind: str, name: str) -> str:
    """The reference to an artefact: ``model:ft-…``, ``dataset:<sha256>``, ``grader:<arn>``, ``evaluation:s3://…``.

    Raises:
        InvalidIdentifier: The kind is no word, or the name is empty or has white space.
    """
    text = f"{kind}:{name}"
    if not _REF.fullmatch(text):
        raise InvalidIdentifier(f"{text!r} is no reference to an artefact.", action="Write kind:name.")
    return text


@payload("rft.manifest")
@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One stage of one run.

    Attributes:
        pipeline: Whose run.
        run_id: Which run; an Airflow run id, say.
        stage: Which stage.
        inputs: Role → reference of what it took (``dataset`` → ``dataset:<sha256>``).
        outputs: Role → reference of what it made.
        parameters: Setting → value, as text.
        results: Number → value (rewards, estimates, counts).
        versions: Component → version.
        started_at: Epoch seconds, UTC.
        finished_at: Epoch seconds, UTC.
    """

    pipeline: str
    run_id: str
    stage: Stage
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    started_at: float = 0.0
    finished_at: float = 0.0

    def content_fingerprint(self) -> str:
        """Of what was taken and made, without the times: a retry that does the same writes the same manifest."""
        return fingerprint(
            [self.pipeline, self.run_id, self.stage, self.inputs, self.outputs, self.parameters, self.versions]
        )

    @property
    def path(self) -> str:
        """Where it is kept below the lineage folder."""
        name = f"{self.stage.value}-{self.content_fingerprint()[:12]}.json"
        return f"{self.pipeline}/{folder_of(self.run_id)}/{name}"


def folder_of(run_id: str) -> str:
    """A run's folder: its id where that is a plain name, else made plain and told apart by a digest."""
    plain = re.sub(r"[^a-zA-Z0-9_.-]", "-", run_id)
    return plain if plain == run_id else f"{plain}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"
