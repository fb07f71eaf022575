"""What to train, in the field's words; each control plane translates it into its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from airflow_provider_bedrock_rft.core.codec import fingerprint, payload


@dataclass(frozen=True, slots=True, kw_only=True)
class RftHyperparameters:
    """Hyper-parameters of one job; ``None`` leaves the choice to the service.

    Attributes:
        n_epochs: Passes over the dataset.
        batch_size: Prompts per step.
        learning_rate: Absolute rate (native plane).
        learning_rate_multiplier: Relative rate (Mantle plane).
        samples_per_prompt: Group size G (native plane).
        max_prompt_tokens: Longer prompts are dropped before training (native plane).
        max_completion_tokens: Longer completions are cut (native plane).
        reasoning_effort: ``low``, ``medium`` or ``high`` (native plane).
        eval_interval: Steps between held-out evaluations (native plane).
        extra: Passed through to the service untouched, under the service's own names.
    """

    n_epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None
    samples_per_prompt: int | None = None
    max_prompt_tokens: int | None = None
    max_completion_tokens: int | None = None
    reasoning_effort: str | None = None
    eval_interval: int | None = None
    extra: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def given(self) -> dict[str, str | int | float | bool]:
        """The hyper-parameters that are not left to the service, by name, the extra ones included."""
        ours = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "extra"}
        return {name: value for name, value in ours.items() if value is not None} | dict(self.extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationLogs:
    """Logged calls of a model, whose prompts are trained on (native plane).

    Attributes:
        s3_uri: Folder of the logs.
        use_prompt_response: Take the logged responses too; what a reinforcement job does with them is not documented.
        where: Request metadata that must be equal.
        where_not: Request metadata that must differ.
        match: ``all`` of these must hold, or ``any``; they cannot be nested.
    """

    s3_uri: str
    use_prompt_response: bool = False
    where: Mapping[str, str] = field(default_factory=dict)
    where_not: Mapping[str, str] = field(default_factory=dict)
    match: Literal["all", "any"] = "all"


@payload("rft.job_spec")
@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """One training job to be created.

    Attributes:
        model: Base model id.
        training_data: Where the plane finds the dataset: a file id (Mantle) or an S3 URI (native, logs included).
        grader_arn: Lambda ARN of the grader, qualified with a published version.
        hyperparameters: See :class:`RftHyperparameters`.
        dataset_fingerprint: SHA-256 of the dataset's canonical bytes; part of the job's identity.
        name: Job name, where the plane has names; empty derives one from the identity.
        role_arn: Role the native plane assumes.
        output_s3_uri: Where the native plane writes artefacts.
        validation_data: S3 URI of a validation dataset (native plane).
        tags: Tags of job and model (native plane).
        invocation_logs: Train on logged prompts instead of a dataset (native plane).
    """

    model: str
    training_data: str
    grader_arn: str
    hyperparameters: RftHyperparameters = field(default_factory=RftHyperparameters)
    dataset_fingerprint: str = ""
    name: str = ""
    role_arn: str = ""
    output_s3_uri: str = ""
    validation_data: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    invocation_logs: InvocationLogs | None = None

    def content_fingerprint(self) -> str:
        """Fingerprint of everything that decides what is trained, and of nothing else (not the name, not the tags)."""
        content: dict[str, object] = {
            "model": self.model,
            "data": self.dataset_fingerprint or self.training_data,
            "validation": self.validation_data,
            "grader": self.grader_arn,
            "hyperparameters": self.hyperparameters,
        }
        return fingerprint(content | ({"logs": self.invocation_logs} if self.invocation_logs else {}))
