"""The result of evaluating one model on one set of samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import fingerprint, payload
from airflow_provider_bedrock_rft.core.errors import InvalidScores
from airflow_provider_bedrock_rft.core.evaluation import interval
from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate, TooFewSamples
from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_bedrock_rft.core.evaluation.answer import Answer
    from airflow_provider_bedrock_rft.core.evaluation.cost import Price
    from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings

TRUNCATED = "length"
"""The finish reason of a completion that ran into ``max_tokens``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredCompletion:
    """One completion with its score: a line of an evaluation's file, which ``bedrock-rft compare`` reads.

    Attributes:
        sample_id: The record's id.
        index: Which of the sample's completions, from 0.
        score: ``None`` when the grader failed on it.
        group: See :class:`~.scores.SampleScores`.
        slice: Slice key → value.
        prompt: Fingerprint of the prompt.
        grader: ARN of the grader.
        completion: The text that was graded.
        finish_reason: The service's word.
        prompt_tokens: As the service counts.
        completion_tokens: As the service counts.
        latency_ms: Wall time of the request; 0 where it was answered in batch.
        seed: Sent with the request.
        metrics: The named numbers of the grader's reply.
        error: Why there is no score.
    """

    sample_id: str
    index: int
    score: float | None
    group: str = ""
    slice: Mapping[str, str] = field(default_factory=dict)
    prompt: str = ""
    grader: str = ""
    completion: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: float = 0.0
    seed: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""


@payload("rft.evaluation")
@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRun:
    """One model's scores on one set of samples.

    Attributes:
        model: The model that answered.
        grader_arn: The grader, version-qualified.
        uri: The file of scored completions, ordered by sample.
        prompts_fingerprint: Equal for equal sets of prompts.
        n_samples: Samples.
        completions_per_sample: k.
        mean: Mean score with its interval over samples, ``None`` with too few.
        n_requests: Requests this call made; answers found in the store cost none.
        n_truncated: Completions cut by ``max_tokens``.
        n_grader_errors: Completions without a score.
        prompt_tokens: Total.
        completion_tokens: Total.
        median_latency_ms: Median wall time of a request; 0 where all were answered in batch.
        cost: Of all completions, those stored before included, where the price is known.
        scores: Per sample, where they are few; else empty, and ``uri`` has them.
        chosen_on: URIs of the evaluations by which the model was chosen among a job's checkpoints.
    """

    model: str
    grader_arn: str
    uri: str
    prompts_fingerprint: str
    n_samples: int
    completions_per_sample: int
    mean: Estimate | None
    n_requests: int
    n_truncated: int
    n_grader_errors: int
    prompt_tokens: int
    completion_tokens: int
    median_latency_ms: float
    cost: float | None = None
    scores: tuple[SampleScores, ...] = ()
    chosen_on: tuple[str, ...] = ()


def by_metric(completions: Sequence[ScoredCompletion], metric: str) -> tuple[ScoredCompletion, ...]:
    """The completions with one of the grader's named numbers in place of the score; ungraded ones stay ungraded.

    Raises:
        InvalidScores: The grader does not report that number.
    """
    graded = [completion for completion in completions if completion.score is not None]
    known = sorted({name for completion in graded for name in completion.metrics})
    if any(metric not in completion.metrics for completion in graded):
        raise InvalidScores(
            f"The grader reports no metric {metric!r}.",
            action=f"It reports {', '.join(known) or 'none'}; a grader returns Reward(value, components={{...}}).",
        )
    return tuple(
        completion if completion.score is None else replace(completion, score=completion.metrics[metric])
        for completion in completions
    )


def by_sample(completions: Sequence[ScoredCompletion]) -> tuple[SampleScores, ...]:
    """The completions' scores, gathered per sample in order of first appearance; completions without score drop out."""
    gathered: dict[str, list[ScoredCompletion]] = {}
    for completion in completions:
        gathered.setdefault(completion.sample_id, []).append(completion)
    return tuple(_sample(parts) for parts in gathered.values())


def _sample(parts: list[ScoredCompletion]) -> SampleScores:
    first, n = parts[0], len(parts)
    return SampleScores(
        sample_id=first.sample_id,
        scores=tuple(part.score for part in parts if part.score is not None),
        group=first.group,
        slices=first.slice,
        completion_tokens=math.fsum(part.completion_tokens for part in parts) / n,
        latency_ms=_mean_latency(parts),
        prompt=first.prompt,
    )


def _mean_latency(parts: Sequence[ScoredCompletion]) -> float | None:
    """``None`` where any was answered in batch: nobody waited for it."""
    times = [part.latency_ms for part in parts]
    return math.fsum(times) / len(times) if all(times) else None


def cost_of(completions: Iterable[ScoredCompletion | Answer], price: Price) -> float:
    """What completions cost; those without a latency were answered in batch."""
    return math.fsum(
        price.of(prompt_tokens=one.prompt_tokens, completion_tokens=one.completion_tokens, in_batch=not one.latency_ms)
        for one in completions
    )


def summarize(
    completions: Sequence[ScoredCompletion],
    *,
    model: str,
    grader_arn: str,
    uri: str,
    settings: EvaluationSettings,
    n_requests: int,
) -> EvaluationRun:
    """The run that ``completions`` (ordered by sample) make up."""
    samples = by_sample(completions)
    scored = [sample for sample in samples if sample.scores]
    scores = [sample.mean for sample in scored]
    mean: Estimate | TooFewSamples
    if settings.completions_per_sample == 1 and {0.0, 1.0}.issuperset(scores):
        mean = interval.proportion(round(sum(scores)), len(scores), confidence=settings.confidence)
    else:
        mean = interval.mean(scores, confidence=settings.confidence)
    timed = [one.latency_ms for one in completions if one.latency_ms]
    return EvaluationRun(
        model=model,
        grader_arn=grader_arn,
        uri=uri,
        prompts_fingerprint=prompts_fingerprint(samples),
        n_samples=len(samples),
        completions_per_sample=settings.completions_per_sample,
        mean=mean if isinstance(mean, Estimate) else None,
        n_requests=n_requests,
        n_truncated=sum(one.finish_reason == TRUNCATED for one in completions),
        n_grader_errors=sum(one.score is None for one in completions),
        prompt_tokens=sum(one.prompt_tokens for one in completions),
        completion_tokens=sum(one.completion_tokens for one in completions),
        median_latency_ms=median(timed or [0.0]),
        cost=cost_of(completions, settings.price) if settings.price else None,
        scores=samples if len(samples) <= settings.max_inline_scores else (),
    )


def prompts_fingerprint(samples: Sequence[SampleScores]) -> str:
    """Equal for equal sets of samples and prompts, whatever their order."""
    return fingerprint(sorted([sample.sample_id, sample.prompt] for sample in samples))[:16]
