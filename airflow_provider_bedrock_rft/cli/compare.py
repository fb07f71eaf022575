"""``bedrock-rft compare``: is the candidate better than the baseline, and is that enough to promote it?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison
    from airflow_provider_bedrock_rft.core.evaluation.score_lines import ScoreFile
    from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy
    from airflow_provider_bedrock_rft.core.promotion.report.content import ReportContent

EXIT_STATUS = {"promote": 0, "hold": 3, "reject": 4}
USAGE_ERROR = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.epilog = (
        'Lines are {"sample_id": str, "score": number, "group"?: str, "slice"?: {...}, "completion_tokens"?: int, '
        '"latency_ms"?: number}; several lines with one sample_id are repeated completions. '
        "Exit status: 0 promote, 3 hold, 4 reject, 2 bad usage."
    )
    parser.add_argument("baseline", type=Path, metavar="BASELINE.jsonl", help="scores of what serves now")
    parser.add_argument("candidate", type=Path, metavar="CANDIDATE.jsonl", help="scores of what may replace it")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="promotion policy, YAML or JSON")
    parser.add_argument(
        "--ledger",
        type=Path,
        metavar="FILE",
        help="enter the test here, and hold it to what is left of the policy's yearly_risk; made if absent",
    )
    parser.add_argument(
        "--cluster",
        metavar="KEY",
        default="group",
        help="samples that share it depend on each other: 'group' (default) or a slice key",
    )
    parser.add_argument("--seed", type=int, default=0, help="of every random draw (default 0)")
    parser.add_argument("--resamples", type=int, default=10_000, help="of bootstrap and permutation (default 10000)")
    parser.add_argument("--format", choices=("text", "json", "html", "markdown"), default="text")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there instead of to standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare two files of scores; the exit status is the decision."""
    from airflow_provider_bedrock_rft.core.errors import InvalidInput

    try:
        content = _compare(args)
        _write(_render(content, args.format), args.output)
    except InvalidInput as error:
        print(f"bedrock-rft compare: {error}", file=sys.stderr)
        return USAGE_ERROR
    return EXIT_STATUS[content.decision.verdict.value]


def _compare(args: argparse.Namespace) -> ReportContent:
    from airflow_provider_bedrock_rft.core.errors import InvalidInput
    from airflow_provider_bedrock_rft.core.evaluation.calibration import calibration_of
    from airflow_provider_bedrock_rft.core.evaluation.paired import compare
    from airflow_provider_bedrock_rft.core.evaluation.score_lines import refuse_different_graders
    from airflow_provider_bedrock_rft.core.promotion.gate import judge
    from airflow_provider_bedrock_rft.core.promotion.report.content import ReportContent, Sides

    if args.seed < 0 or args.resamples < 100:
        raise InvalidInput("--seed must not be negative, and --resamples at least 100.")
    policy = _read_policy(args.policy)
    baseline, candidate = _read_scores(args.baseline, args.cluster), _read_scores(args.candidate, args.cluster)
    refuse_different_graders(baseline, candidate)
    comparison = compare(
        baseline.samples,
        candidate.samples,
        confidence=policy.confidence,
        n_resamples=args.resamples,
        seed=args.seed,
    )
    labelled = baseline.labelled + candidate.labelled
    texts = {
        name: Sides(baseline=text, candidate=candidate.completions.get(name, ""))
        for name, text in baseline.completions.items()
    }
    return ReportContent(
        comparison=comparison,
        decision=judge(comparison, policy, alpha=_alpha_of(args, comparison, policy)),
        title=f"{args.candidate.name} against {args.baseline.name}",
        baseline=args.baseline.name,
        candidate=args.candidate.name,
        texts=texts,
        calibration=calibration_of(labelled, truth="labels of people") if labelled else None,
    )


def _alpha_of(args: argparse.Namespace, comparison: Comparison, policy: PromotionPolicy) -> float:
    """The level of this test: by the ledger, or without one its fair share of the year's risk."""
    from airflow_provider_bedrock_rft.cli.compare_ledger import enter_in_file
    from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
    from airflow_provider_bedrock_rft.core.promotion.ledger import planned_alpha

    if args.ledger is None:
        return planned_alpha(policy)
    test_id = f"{args.candidate} against {args.baseline}"
    return enter_in_file(args.ledger, comparison, policy, test_id=test_id, now=SystemClock().now()).alpha


def _read_scores(path: Path, cluster: str) -> ScoreFile:
    from airflow_provider_bedrock_rft.core.errors import InvalidScores
    from airflow_provider_bedrock_rft.core.evaluation.score_lines import read_score_file

    try:
        with path.open(encoding="utf-8") as lines:
            return read_score_file(lines, source=str(path), cluster=cluster)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidScores(f"{path} cannot be read: {error}.") from None


def _read_policy(path: Path | None) -> PromotionPolicy:
    from airflow_provider_bedrock_rft.core.errors import InvalidPolicy
    from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy

    if path is None:
        return PromotionPolicy()
    import yaml

    try:
        return PromotionPolicy.from_mapping(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidPolicy(f"The policy {path} cannot be read: {error}") from None


def _render(content: ReportContent, form: str) -> str:
    from airflow_provider_bedrock_rft.core.promotion.report import machine, page, plain

    if form == "json":
        return machine.to_json(content).decode()
    if form == "html":
        return page.to_html(content)
    return plain.to_markdown(content) if form == "markdown" else plain.to_text(content)


def _write(text: str, path: Path | None) -> None:
    from airflow_provider_bedrock_rft.core.errors import InvalidInput

    if path is None:
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error}.") from None
