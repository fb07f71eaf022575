"""What can be chosen when the emulator starts. Every undocumented constant of the service is a setting here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from airflow_provider_bedrock_rft.emulator.upstream import UpstreamSettings

PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
_COUNTS = (
    "slots",
    "checkpoint_interval",
    "snapshot_interval",
    "min_records",
    "grader_batch_size",
    "grader_concurrency",
    "max_bad_steps",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How jobs train. Defaults are what one observed run of the service implies, where anything is known.

    Durations are emulated seconds. ``event_layout`` says where the reference answer stands in the grader's event:
    under ``metadata`` (documentation), at the ``top`` level (samples) or in ``both``.
    ``grader_errors="zero"`` gives a sample whose grading failed the reward 0 instead of failing the job in the end.
    """

    slots: int = 2
    group_size: int = 8
    holdout_fraction: float = 0.1
    max_holdout_records: int = 200
    checkpoint_interval: int = 20
    snapshot_interval: int = 5
    min_records: int = 100
    max_records: int = 20_000
    validating_seconds: float = 0.05
    queued_seconds: float = 0.05
    step_seconds: float = 0.0
    kl: float = 0.02
    inner_steps: int = 2
    max_completion_tokens: int | None = None
    event_layout: Literal["both", "metadata", "top"] = "both"
    wrap_string_reference: bool = True
    grader_batch_size: int = 128
    grader_payload_bytes: int = PAYLOAD_LIMIT_BYTES
    grader_concurrency: int = 4
    grader_retries: int = 2
    grader_retry_seconds: float = 0.2
    grader_errors: Literal["fail", "zero"] = "fail"
    max_bad_steps: int = 5
    max_worker_restarts: int = 3

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.group_size < 2 or not 0 <= self.holdout_fraction < 1:
            raise ValueError("group_size must be at least 2, and holdout_fraction at least 0 and below 1")

    def changed(self, changes: Mapping[str, object]) -> TrainingSettings:
        """These settings with ``changes``.

        Raises:
            ValueError: a setting that is not there, or a value that makes no sense.
        """
        current = msgspec.to_builtins(self)
        if unknown := sorted(set(changes) - set(current)):
            raise ValueError(f"there is no training setting {unknown[0]!r}")
        return msgspec.convert({**current, **changes}, TrainingSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One emulator process. ``accounts`` maps further accounts to their root keys (access key id, secret).

    A function that is created or updated takes ``function_settle_seconds`` of emulated time until it can be used.
    """

    host: str = "127.0.0.1"
    port: int = 0
    data_dir: Path
    seed: int = 42
    speed: float = 1.0
    max_upload_bytes: int = 512 * 1024 * 1024
    training: TrainingSettings = field(default_factory=TrainingSettings)
    faults: tuple[dict[str, object], ...] = ()
    accounts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    function_settle_seconds: float = 0.0
    upstream: UpstreamSettings | None = None
    worker_command: tuple[str, ...] = ()
