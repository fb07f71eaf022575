"""What is done with graders that are deployed: invoke them, hold them to the local run, take old versions out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import GraderFailure
from airflow_provider_bedrock_rft.core.grader.agreement import disagreements, require_agreement
from airflow_provider_bedrock_rft.core.grader.contract import (
    MAX_PAYLOAD_BYTES,
    EventLayout,
    batches_of,
    encode_event,
    parse_reply,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from airflow_provider_bedrock_rft.core.grader.contract import Score
    from airflow_provider_bedrock_rft.core.grader.sample import GraderSample
    from airflow_provider_bedrock_rft.core.ports import FunctionService, Invocation


def invoke_grader(
    functions: FunctionService,
    arn: str,
    samples: Sequence[GraderSample],
    *,
    layout: EventLayout = EventLayout.MANTLE,
    batch_size: int = 64,
) -> dict[str, Score]:
    """The deployed grader's score of every sample, through the Lambda API, in batches.

    Raises:
        GraderFailure: It raised, ran out of time or memory, or answered nonsense.
        ServiceError: It could not be called.
    """
    scores: dict[str, Score] = {}
    for batch in batches_of(samples, max_samples=batch_size, max_bytes=MAX_PAYLOAD_BYTES // 2):
        invocation = functions.invoke(arn, encode_event(batch, layout))
        _require_return(arn, invocation)
        scores.update(parse_reply(invocation.payload, [sample.sample_id for sample in batch]))
    return scores


def check_deployed(
    functions: FunctionService, arn: str, samples: Sequence[GraderSample], local: Mapping[str, float]
) -> None:
    """Hold a deployed grader to the scores of the local run.

    Raises:
        GraderFailure: It fails, or disagrees on any sample.
    """
    deployed = {sample_id: score.value for sample_id, score in invoke_grader(functions, arn, samples).items()}
    require_agreement(arn, disagreements(local, deployed), len(local))


def remove_old_versions(
    functions: FunctionService,
    name: str,
    *,
    in_use: Collection[str],
    keep: int = 5,
    aliases: Collection[str] = ("live",),
) -> list[str]:
    """Delete published versions of ``name`` but for the newest ``keep``, those of ``aliases``, and those ``in_use``.

    Args:
        functions: Lambda.
        name: Of the function.
        in_use: Version-qualified ARNs that running jobs and champions refer to.
        keep: How many of the newest stay in any case.
        aliases: Aliases whose versions stay.

    Returns:
        The numbers that were deleted, oldest first.
    """
    pinned = {arn.rpartition(":")[2] for arn in in_use if f":function:{name}:" in arn}
    pinned |= {found.version for alias in aliases if (found := functions.get(name, qualifier=alias))}
    versions = sorted((int(version.version) for version in functions.versions(name)), reverse=True)
    doomed = [str(number) for number in sorted(versions[keep:]) if str(number) not in pinned]
    for version in doomed:
        functions.delete_version(name, version)
    return doomed


def _require_return(arn: str, invocation: Invocation) -> None:
    if invocation.function_error:
        said = invocation.payload.decode(errors="replace")[:500]
        log = invocation.log_tail.strip().splitlines()[-5:]
        raise GraderFailure(
            f"{arn} failed ({invocation.function_error}): {said}",
            action="Run `bedrock-rft grader test` on it; the end of its log says: " + " | ".join(log) if log else "",
            log_tail=invocation.log_tail[-1000:],
        )
