"""What the sub-commands of ``bedrock-rft dataset`` do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft import __version__
from airflow_provider_bedrock_rft.cli.dataset import ERRORS_FOUND
from airflow_provider_bedrock_rft.cli.dataset_sources import sources_of
from airflow_provider_bedrock_rft.cli.output import say
from airflow_provider_bedrock_rft.clients.scanning import check_sources
from airflow_provider_bedrock_rft.clients.tokenizers import load_tokenizer
from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, DatasetReport
from airflow_provider_bedrock_rft.core.dataset.deep import DeepOptions
from airflow_provider_bedrock_rft.core.dataset.difficulty import parse_mean_rewards
from airflow_provider_bedrock_rft.core.dataset.invocation_log import LogReader, filter_of
from airflow_provider_bedrock_rft.core.dataset.jsonl import write_records
from airflow_provider_bedrock_rft.core.dataset.manifest import DatasetManifest
from airflow_provider_bedrock_rft.core.dataset.page import report_page, statistics_page
from airflow_provider_bedrock_rft.core.dataset.quota import Target
from airflow_provider_bedrock_rft.core.dataset.report import report_json, report_lines
from airflow_provider_bedrock_rft.core.dataset.source import TRAIN, Source
from airflow_provider_bedrock_rft.core.dataset.statistics import dataset_statistics
from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.steps.dataset import manifest_for, records_in
from airflow_provider_bedrock_rft.core.steps.dataset_making import SplitPlan, import_logs, repair_dataset, split_dataset
from airflow_provider_bedrock_rft.grading.references import scorer_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack

    from airflow_provider_bedrock_rft.core.dataset.repair import Repair
    from airflow_provider_bedrock_rft.core.dataset.split import Split


def check(args: argparse.Namespace, stack: ExitStack) -> int:
    """Check files; with ``--fix`` mend a copy first and check that."""
    paths = args.files
    if args.fix:
        paths = [str(_fix(sources_of(paths, TRAIN, args, stack), args.fix))]
    sources = sources_of(paths, TRAIN, args, stack)
    for split in ("evaluation", "validation", "test"):
        sources += sources_of(getattr(args, split), split, args, stack)
    options = CheckOptions(
        targets=tuple(Target(name) for name in args.target or ["mantle"]),
        max_prompt_tokens=args.max_prompt_tokens,
        count_tokens=load_tokenizer(args.tokenizer) if args.tokenizer else None,
        deep=DeepOptions(
            near=not args.no_near,
            privacy=not args.no_privacy,
            score=stack.enter_context(scorer_of(args.grader)) if args.grader else None,
            top_score=args.top_score,
            profiles_language=args.manifest is not None,
            previous_language=_manifest_at(args.previous).language if args.previous else None,
        ),
    )
    report = check_sources(sources, options)
    _show(report, args)
    if args.manifest and not report.has_errors:
        manifest = manifest_for(report, sources, options.targets, tool_version=__version__)
        args.manifest.write_text(json.dumps(codec.dump(manifest), indent=2) + "\n")
    return ERRORS_FOUND if report.has_errors else 0


def _show(report: DatasetReport, args: argparse.Namespace) -> None:
    if args.format == "json":
        print(json.dumps(report_json(report, max_findings=args.max_findings), ensure_ascii=False))
    elif args.format == "html":
        findings = report.findings[: args.max_findings or None]
        print(report_page(report, findings, f"Check of {report.files[0].path}"), end="")
    else:
        for line in report_lines(report, max_findings=args.max_findings):
            print(line)


def _fix(sources: Sequence[Source], out: Path) -> Path:
    """Write the mended records of all sources to ``out``; say on standard error what was mended."""
    if any(Path(source.name).exists() and out.exists() and out.samefile(source.name) for source in sources):
        raise InvalidInput(f"--fix {out} would overwrite its own input.", action="Name another file.")

    def tell(source: Source, repair: Repair) -> None:
        print(f"{source.name}:{repair.line}: fixed {repair.code}: {repair.message}", file=sys.stderr)

    n_repairs = sum(repair_dataset(sources, out, tell).values())
    print(f"{n_repairs:,} repair{'s' * (n_repairs != 1)}; the mended copy is {out}", file=sys.stderr)
    return out


def _manifest_at(path: Path) -> DatasetManifest:
    return codec.load(DatasetManifest, _json_at(path))


def _bytes_at(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from None


def _json_at(path: Path) -> object:
    try:
        return json.loads(_bytes_at(path))
    except ValueError as error:
        raise InvalidInput(f"{path} is not JSON: {error}.") from None


def split(args: argparse.Namespace, stack: ExitStack) -> int:
    """Split a dataset, check the parts against each other, and write them."""
    plan = SplitPlan(
        seed=args.seed,
        fractions=_fractions(args.fractions),
        group_by=args.group_by,
        stratify_by=args.stratify_by,
        mean_rewards=parse_mean_rewards(_bytes_at(args.readiness), str(args.readiness)) if args.readiness else {},
        order=args.order,
    )
    divided = split_dataset(list(records_in(sources_of(args.files, TRAIN, args, stack))), plan)
    args.out.mkdir(parents=True, exist_ok=True)
    _write_parts(divided, args)
    print("No leakage between the parts, exact or near.", file=sys.stderr)
    return 0


def _write_parts(divided: Split, args: argparse.Namespace) -> None:
    lines, parts = [], []
    for name, records in divided.parts.items():
        path = args.out / f"{name}.jsonl"
        with path.open("wb") as stream:
            written = write_records(records, stream)
        lines.append(f"{path}: {written.n_records:,} records, sha256 {written.sha256}")
        parts.append({"name": name, "path": str(path), "n_records": written.n_records, "sha256": written.sha256})
    say(args, lines, "dataset-split/1", seed=args.seed, parts=parts)


def _fractions(text: str) -> dict[str, float]:
    try:
        return {name.strip(): float(share) for name, share in (part.split("=") for part in text.split(","))}
    except ValueError:
        raise InvalidInput(f"{text!r} are no fractions.", action="Write train=0.8,test=0.2.") from None


def stats(args: argparse.Namespace, stack: ExitStack) -> int:
    """Describe a dataset."""
    statistics = dataset_statistics(
        records_in(sources_of(args.files, TRAIN, args, stack)),
        batch_size=args.batch_size,
        count_tokens=load_tokenizer(args.tokenizer) if args.tokenizer else None,
    )
    if args.format == "json":
        print(json.dumps(codec.dump(statistics), ensure_ascii=False))
    elif args.format == "html":
        print(statistics_page(statistics, f"Statistics of {', '.join(args.files)}"), end="")
    else:
        for name, value in codec.dump(statistics).items():
            print(f"{name}: {json.dumps(value, ensure_ascii=False)}")
    return 0


def from_logs(args: argparse.Namespace, stack: ExitStack) -> int:
    """Make a dataset of invocation logs."""
    wanted = filter_of(
        metadata=list(_pairs(args.metadata)),
        not_metadata=list(_pairs(args.not_metadata)),
        any_metadata=list(_pairs(args.any_metadata)),
        models=args.model,
        since=args.since,
        until=args.until,
    )
    reader = LogReader(keep_completion=args.keep_completion, wanted=wanted)
    written = import_logs(sources_of(args.files, TRAIN, args, stack), args.out, reader)
    say(
        args,
        [f"{args.out}: {written.n_records:,} records, sha256 {written.sha256}"],
        "dataset-import/1",
        path=str(args.out),
        n_records=written.n_records,
        sha256=written.sha256,
        entries=dict(reader.counts),
    )
    for outcome, count in sorted(reader.counts.items()):
        print(f"{outcome.replace('_', ' ')}: {count:,}", file=sys.stderr)
    return 0 if written.n_records else ERRORS_FOUND


def _pairs(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise InvalidInput(f"{text!r} is no KEY=VALUE.")
        yield key, value
