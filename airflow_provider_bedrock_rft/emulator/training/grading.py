"""Having completions graded by the user's own function: the event it gets, and what of its reply is believed."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from airflow_provider_bedrock_rft.emulator.exchange import encode
from airflow_provider_bedrock_rft.emulator.training.records import TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.settings import TrainingSettings
    from airflow_provider_bedrock_rft.emulator.training.plan import TrainingPlan


class GraderFailure(Exception):
    """The grader could not be called, raised, timed out or answered nonsense; the message is its own if it has one."""


class Functions(Protocol):
    """Runs the user's functions."""

    async def call(self, function: str, payload: bytes, *, account: str, region: str) -> bytes:
        """The function's reply.

        Raises:
            GraderFailure: there was none, or it was an error.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One completion of a record, with an id that is its own within the job."""

    rollout_id: str
    record: TrainingRecord
    completion: str


@dataclass(slots=True, kw_only=True)
class Grades:
    """Rewards by rollout id; a rollout that is missing here could not be graded, and ``problems`` says why."""

    rewards: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class Grader:
    """One job's grader: batches within the payload limit, retries, and checks every reply."""

    def __init__(self, functions: Functions, plan: TrainingPlan, clock: EmulatorClock) -> None:
        self._functions = functions
        self._plan = plan
        self._clock = clock
        self._turns = asyncio.Semaphore(plan.settings.grader_concurrency)

    async def grade(self, rollouts: Sequence[Rollout]) -> Grades:
        """Every reward that could be had; in ``grader_errors="zero"`` mode what could not counts 0."""
        settings = self._plan.settings
        grades = Grades()
        samples = [(rollout.rollout_id, encode(to_sample(rollout, settings))) for rollout in rollouts]
        batches = in_batches(samples, max_items=settings.grader_batch_size, max_bytes=settings.grader_payload_bytes)
        for result in await asyncio.gather(*(self._grade_batch(batch) for batch in batches)):
            grades.rewards.update(result.rewards)
            grades.problems.extend(result.problems)
        if settings.grader_errors == "zero":
            grades.rewards = {rollout.rollout_id: grades.rewards.get(rollout.rollout_id, 0.0) for rollout in rollouts}
        return grades

    async def _grade_batch(self, batch: Sequence[tuple[str, bytes]]) -> Grades:
        payload = b"[" + b",".join(sample for _, sample in batch) + b"]"
        settings = self._plan.settings
        problem = ""
        for attempt in range(settings.grader_retries + 1):
            if attempt:
                await self._clock.sleep(settings.grader_retry_seconds * 2 ** (attempt - 1))
            try:
                async with self._turns:
                    answer = await self._functions.call(
                        self._plan.function, payload, account=self._plan.account, region=self._plan.region
                    )
                return Grades(rewards=parse_rewards(answer, [rollout_id for rollout_id, _ in batch]))
            except GraderFailure as failure:
                problem = str(failure)
        return Grades(problems=[problem])


def to_sample(rollout: Rollout, settings: TrainingSettings) -> dict[str, object]:
    """One element of the grader's event."""
    record = rollout.record
    sample: dict[str, object] = {
        "id": rollout.rollout_id,
        "messages": [*record.messages, {"role": "assistant", "content": rollout.completion}],
    }
    metadata = dict(record.extra)
    reference = record.reference
    if reference is not None and settings.event_layout != "metadata":
        wrap = settings.wrap_string_reference and isinstance(reference, str)
        sample["reference_answer"] = {"text": reference} if wrap else reference
    if reference is not None and settings.event_layout != "top":
        metadata["reference_answer"] = reference
    sample["metadata"] = metadata
    return sample


def in_batches(
    samples: Iterable[tuple[str, bytes]], *, max_items: int, max_bytes: int
) -> list[list[tuple[str, bytes]]]:
    """Consecutive samples, at most ``max_items`` and ``max_bytes`` together; a single oversized one stands alone."""
    batches: list[list[tuple[str, bytes]]] = []
    size = 0
    for sample in samples:
        length = len(sample[1]) + 1
        if not batches or len(batches[-1]) >= max_items or size + length > max_bytes - 2:
            batches.append([])
            size = 0
        batches[-1].append(sample)
        size += length
    return batches


def parse_rewards(answer: bytes, expected: Sequence[str]) -> dict[str, float]:
    """Rewards by id, if the reply holds exactly one finite number for each expected id.

    Raises:
        GraderFailure: it does not; the message says what is wrong with which id.
    """
    try:
        rows = json.loads(answer)
    except ValueError as error:
        raise GraderFailure("InvalidGraderResponse: the reply is not JSON") from error
    if not isinstance(rows, list):
        raise GraderFailure(f"InvalidGraderResponse: expected a list of scores, got {type(rows).__name__}")
    rewards: dict[str, float] = {}
    wanted = set(expected)
    for row in rows:
        rollout_id, reward = _row(row)
        if rollout_id not in wanted:
            raise GraderFailure(f"InvalidGraderResponse: unknown id {rollout_id!r}")
        if rollout_id in rewards:
            raise GraderFailure(f"InvalidGraderResponse: duplicate id {rollout_id!r}")
        rewards[rollout_id] = reward
    if missing := [rollout_id for rollout_id in expected if rollout_id not in rewards]:
        raise GraderFailure(
            f"InvalidGraderResponse: {len(missing)} of {len(expected)} samples have no score, first {missing[0]!r}"
        )
    return rewards


def _row(row: object) -> tuple[str, float]:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise GraderFailure("InvalidGraderResponse: each score must be an object with the id of its sample")
    score = row.get("aggregate_reward_score")
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not math.isfinite(score):
        raise GraderFailure(
            f"InvalidGraderResponse: aggregate_reward_score of {row['id']!r} must be a finite number, not {score!r}"
        )
    return row["id"], float(score)
