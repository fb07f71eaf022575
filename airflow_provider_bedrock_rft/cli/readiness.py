"""``bedrock-rft readiness``: can training teach this model these prompts? Exit status 0 go, 3 anything else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from airflow_provider_bedrock_rft.core.evaluation.readiness import Readiness

EXIT_STATUS_OTHERWISE = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    from airflow_provider_bedrock_rft.cli.evaluate import add_subject
    from airflow_provider_bedrock_rft.core.steps.readiness import DEFAULT_COMPLETIONS

    add_subject(parser, completions=DEFAULT_COMPLETIONS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Assess readiness; the exit status says whether to go on."""
    from airflow_provider_bedrock_rft.cli.evaluate import records_of, session_of, settings_of, show_progress
    from airflow_provider_bedrock_rft.cli.evaluate_grader import grader_of
    from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
    from airflow_provider_bedrock_rft.core.codec import canonical_json, dump
    from airflow_provider_bedrock_rft.core.evaluation.readiness import ReadinessVerdict
    from airflow_provider_bedrock_rft.core.steps.readiness import assess_readiness

    session = session_of(args)
    with grader_of(session, args.grader) as (functions, arn):
        found = assess_readiness(
            session.runtime,
            functions,
            session.objects,
            model=args.model,
            grader_arn=arn,
            records=records_of(args.dataset, args.limit),
            artifacts_uri=args.artifacts,
            clock=SystemClock(),
            settings=settings_of(args),
            on_progress=show_progress,
        )
    text = canonical_json(dump(found)).decode() + "\n" if args.format == "json" else _as_text(found)
    sys.stdout.write(text)
    return 0 if found.verdict is ReadinessVerdict.GO else EXIT_STATUS_OTHERWISE


def _as_text(found: Readiness) -> str:
    rows = {
        "prompts": f"{found.n_prompts} x {found.completions_per_prompt} completions",
        "mean reward": found.mean_reward.unsigned,
        "pass@1": found.pass_at_1.unsigned,
        f"pass@{found.completions_per_prompt}": found.pass_at_k.unsigned,
        "usable groups": found.usable.unsigned,
        "wasted rollouts": f"{found.wasted_rollouts:.0%}",
        "truncated": f"{found.n_truncated} of {found.n_completions}",
        "grader errors": f"{found.n_grader_errors} of {found.n_completions}",
        "difficulty": found.difficulty_uri,
    }
    lines = [f"{found.verdict.value.upper()}{'' if found.is_certain else ' (not certain)'}: {found.reason}", ""]
    lines += [f"  {name:<16} {value}" for name, value in rows.items()]
    lines += ["", *(f"  reward up to {edge:<8.3g} {count}" for edge, count in found.histogram)]
    return "\n".join(lines) + "\n"
