"""What the sub-commands of ``bedrock-rft dataset`` do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bedrock_rft import __version__
from airflow_provider_bedrock_rft.cli.dataset import ERRORS_FOUND
from airflow_provider_bedrock_rft.cli.dataset_sources import sources_of
from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, DatasetReport, check_dataset
from airflow_provider_bedrock_rft.core.dataset.deep import DeepOptions
from airflow_provider_bedrock_rft.core.dataset.difficulty import DifficultyFilter, curriculum
from airflow_provider_bedrock_rft.core.dataset.invocation_log import Condition, LogFilter, LogReader, epoch_seconds
from airflow_provider_bedrock_rft.core.dataset.jsonl import read_records, write_records
from airflow_provider_bedrock_rft.core.dataset.lines import read_blocks
from airflow_provider_bedrock_rft.core.dataset.manifest import DatasetManifest
from airflow_provider_bedrock_rft.core.dataset.page import report_page, statistics_page
from airflow_provider_bedrock_rft.core.dataset.quota import Target
from airflow_provider_bedrock_rft.core.dataset.repair import Repairer
from airflow_provider_bedrock_rft.core.dataset.report import report_json, report_lines
from airflow_provider_bedrock_rft.core.dataset.source import TRAIN, Source
from airflow_provider_bedrock_rft.core.dataset.split import split_records
from airflow_provider_bedrock_rft.core.dataset.statistics import dataset_statistics
from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.steps.dataset import manifest_for

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from airflow_provider_bedrock_rft.core.dataset.gradability import ScoreCompletions
    from airflow_provider_bedrock_rft.core.dataset.record import Record
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
        deep=DeepOptions(
            near=not args.no_near,
            privacy=not args.no_privacy,
            score=_scorer(args.grader, stack) if args.grader else None,
            top_score=args.top_score,
            profiles_language=args.manifest is not None,
            previous_language=_manifest_at(args.previous).language if args.previous else None,
        ),
    )
    report = check_dataset(sources, options)
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
    repairer = Repairer()
    with out.open("wb") as stream:
        for source in sources:
            with source.open() as original:
                for repair in repairer.repair(original, stream):
                    print(f"{source.name}:{repair.line}: fixed {repair.code}: {repair.message}", file=sys.stderr)
    n_repairs = repairer.counts.total()
    print(f"{n_repairs:,} repairs; the mended copy is {out}", file=sys.stderr)
    return out


def _scorer(spec: str, stack: ExitStack) -> ScoreCompletions:
    """The grader in a process of its own, as it would run in its Lambda."""
    from airflow_provider_bedrock_rft.core.grader.package import build_package
    from airflow_provider_bedrock_rft.core.steps.reference_scores import score_with
    from airflow_provider_bedrock_rft.grading.isolation import Limits, isolated
    from airflow_provider_bedrock_rft.grading.source import read_source

    source = read_source(spec)
    grader = stack.enter_context(isolated(build_package(source), Limits(), visible=source.requirements))
    return score_with(grader)


def _manifest_at(path: Path) -> DatasetManifest:
    return codec.load(DatasetManifest, _json_at(path))


def _json_at(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InvalidInput(f"{path} is not JSON: {error}.") from None


def split(args: argparse.Namespace, stack: ExitStack) -> int:
    """Split a dataset, check the parts against each other, and write them."""
    records = list(_records(sources_of(args.files, TRAIN, args, stack)))
    if args.readiness:
        mean_rewards = _mean_rewards_at(args.readiness)
        records = list(DifficultyFilter().keep(records, mean_rewards))
        records = list(curriculum(records, mean_rewards)) if args.order == "curriculum" else records
    divided = split_records(
        records,
        seed=args.seed,
        fractions=_fractions(args.fractions),
        group_by=args.group_by,
        stratify_by=args.stratify_by,
        keeps_near_together=True,
    )
    args.out.mkdir(parents=True, exist_ok=True)
    _write_parts(divided, args.out)
    return 0


def _write_parts(divided: Split, folder: Path) -> None:
    for name, records in divided.parts.items():
        path = folder / f"{name}.jsonl"
        with path.open("wb") as stream:
            written = write_records(records, stream)
        print(f"{path}: {written.n_records:,} records, sha256 {written.sha256}")


def _records(sources: Sequence[Source]) -> Iterator[Record]:
    for source in sources:
        with source.open() as stream:
            yield from read_records(stream, file=source.name)


def _fractions(text: str) -> dict[str, float]:
    try:
        return {name.strip(): float(share) for name, share in (part.split("=") for part in text.split(","))}
    except ValueError:
        raise InvalidInput(f"{text!r} are no fractions.", action="Write train=0.8,test=0.2.") from None


def _mean_rewards_at(path: Path) -> Mapping[str, float]:
    """Record id → mean reward: one JSON object, or the lines that ``readiness`` writes as its difficulty file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from None
    try:
        if b'"sample_id"' in data:
            rated = msgspec.json.Decoder(_Rated).decode_lines(data)
            return {each.sample_id: each.mean for each in rated}
        return msgspec.json.decode(data, type=dict[str, float])
    except msgspec.DecodeError as error:
        action = "Give the difficulty file that readiness writes, or a JSON object of record ids and mean rewards."
        raise InvalidInput(f"{path} is no readiness report: {error}.", action=action) from None


class _Rated(msgspec.Struct):
    sample_id: str
    mean: float


def stats(args: argparse.Namespace, stack: ExitStack) -> int:
    """Describe a dataset."""
    statistics = dataset_statistics(_records(sources_of(args.files, TRAIN, args, stack)), batch_size=args.batch_size)
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
    wanted = LogFilter(
        all_of=(*_conditions(args.metadata), *_conditions(args.not_metadata, negated=True)),
        any_of=tuple(_conditions(args.any_metadata)),
        models=tuple(args.model),
        since=_moment(args.since),
        until=_moment(args.until),
    )
    reader = LogReader(keep_completion=args.keep_completion, wanted=wanted)
    lines = _lines(sources_of(args.files, TRAIN, args, stack))
    with args.out.open("wb") as stream:
        written = write_records(reader.records(lines), stream)
    print(f"{args.out}: {written.n_records:,} records, sha256 {written.sha256}")
    for outcome, count in sorted(reader.counts.items()):
        print(f"{outcome.replace('_', ' ')}: {count:,}", file=sys.stderr)
    return 0 if written.n_records else ERRORS_FOUND


def _lines(sources: Sequence[Source]) -> Iterator[bytes]:
    for source in sources:
        with source.open() as stream:
            for block in read_blocks(stream):
                yield from (line for _, line in block.lines())


def _conditions(texts: Sequence[str], *, negated: bool = False) -> Iterator[Condition]:
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise InvalidInput(f"{text!r} is no KEY=VALUE.")
        yield Condition(key=key, value=value, negated=negated)


def _moment(text: str | None) -> float | None:
    if text is None:
        return None
    moment = epoch_seconds(text)
    if moment is None:
        raise InvalidInput(f"{text!r} is no ISO 8601 time.", action="Write 2026-11-20 or 2026-11-20T12:00:00Z.")
    return moment
