"""Writes the pages that are made from the code, into ``docs/generated``, before Sphinx reads the folder.

One page per kind of public thing, one per example DAG. What stands there is read from docstrings, signatures, argument
parsers and files; nothing is repeated by hand.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import airflow_provider_bedrock_rft
from airflow_provider_bedrock_rft import cli, grading
from airflow_provider_bedrock_rft.cli.teaching import children
from airflow_provider_bedrock_rft.emulator.__main__ import parse_arguments

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

ROOT = "airflow_provider_bedrock_rft"
EXAMPLES = Path(__file__).parents[1] / "example_dags"
FOLDER = "generated"
EXAMPLES_PAGE = f"{FOLDER}/examples"
PAGES = [f"{FOLDER}/{name}" for name in ("api", "settings", "grading", "payloads", "pipelines", "errors", "commands")]
PAGES.append(EXAMPLES_PAGE)
WIDTH = 100

SETTINGS = {
    "core.job.spec.RftHyperparameters": "`hyperparameters` of `BedrockRftCreateJobOperator`",
    "core.job.alarm.AlarmPolicy": "`alarms` of `BedrockRftCreateJobOperator`",
    "core.promotion.policy.PromotionPolicy": "`policy` of `BedrockRftPromotionGateOperator`",
    "core.evaluation.settings.EvaluationSettings": "`settings` of whatever evaluates",
    "core.evaluation.readiness.ReadinessRule": "`rule` of `BedrockRftAssessReadinessOperator`",
    "core.promotion.retention.RetentionPolicy": "`policy` of `BedrockRftCleanUpOperator`",
}
"""Class whose fields a DAG gives as a mapping → where."""
ROOMS = ("operators", "sensors", "triggers", "hooks")
STAGES = (
    *("dataset", "grader", "readiness", "job", "cancel", "checkpoint"),
    *("deployment", "evaluation", "promotion", "report", "retention"),
)
"""The order in which public names are listed."""
PAYLOADS = (
    "hooks.splits.StoredSplit",
    "core.steps.dataset.UploadedDataset",
    "core.steps.grader.DeployedGrader",
    "core.evaluation.readiness.Readiness",
    "core.job.submission.Submission",
    "core.job.job.Job",
    "core.checkpoint.checkpoint.Checkpoint",
    "core.checkpoint.selection.CheckpointChoice",
    "core.deployment.Deployment",
    "core.evaluation.run.EvaluationRun",
    "core.evaluation.paired.Comparison",
    "hooks.gate.GateResult",
    "core.promotion.rollout.ChampionEntry",
    "core.steps.report.PublishedReport",
    "core.steps.retention.CleanUp",
)
"""What operators return, in the order of the pipeline."""


def write_pages(docs: Path) -> None:
    """Make ``docs/generated`` anew; a file that would not change is left alone, so that a second build is quick."""
    wanted = {f"{name}.md": text for name, text in pages().items()}
    folder = docs / FOLDER
    for old in [path for path in folder.rglob("*.md") if str(path.relative_to(docs)) not in wanted]:
        old.unlink()
    for name, text in wanted.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def pages() -> Mapping[str, str]:
    """Page without suffix → its Markdown."""
    return {
        f"{FOLDER}/api": _api(),
        f"{FOLDER}/settings": _settings(),
        f"{FOLDER}/grading": _grading(),
        f"{FOLDER}/payloads": _page(
            "What tasks hand on",
            "Operators return these as JSON, with their `kind` and `version` beside the fields.",
            *(_directive("autoclass", f"{ROOT}.{name}", members=False) for name in PAYLOADS),
        ),
        f"{FOLDER}/pipelines": _page(
            "Pipelines", "", _directive("automodule", f"{ROOT}.pipelines.retraining", members=True)
        ),
        f"{FOLDER}/errors": _page("Errors", "", _directive("automodule", f"{ROOT}.core.errors", members=True)),
        f"{FOLDER}/commands": _commands(),
        **dict(_examples()),
    }


def example_page(place: str) -> str:
    """The page of a file or folder below ``example_dags``."""
    name = place.removesuffix(".py").strip("/")
    return f"{EXAMPLES_PAGE}/{name}" if name else EXAMPLES_PAGE


def _page(title: str, lead: str, *parts: str) -> str:
    return "\n\n".join(part for part in (f"# {title}", lead, *parts) if part) + "\n"


def _directive(kind: str, target: str, *, members: bool) -> str:
    options = [":members:"] if members else []
    return "\n".join(["```{eval-rst}", f".. {kind}:: {target}", *(f"   {option}" for option in options), "```"])


def _documented(homes: Mapping[str, str]) -> Iterator[str]:
    """One directive per public name, by the module it lives in."""
    for home in sorted(set(homes.values()), key=_place_in_pipeline):
        yield f"## {_heading(home)}"
        for name in sorted(name for name, module in homes.items() if module == home):
            kind = "autoclass" if name[0].isupper() else "autofunction"
            yield _directive(kind, f"{ROOT}.{home}.{name}", members=False)


def _place_in_pipeline(home: str) -> tuple[int, int, str]:
    room, _, stage = home.rpartition(".")
    return (
        ROOMS.index(room) if room in ROOMS else len(ROOMS),
        STAGES.index(stage) if stage in STAGES else len(STAGES),
        home,
    )


def _heading(home: str) -> str:
    room, _, stage = home.rpartition(".")
    name = stage.replace("_", " ").capitalize()
    return f"{name} ({room})" if room in {"sensors", "triggers"} else name


def _api() -> str:
    lead = (
        f"Every name can be imported from `{ROOT}`. An [overview](../reference/operators.md) says how they go together."
    )
    return _page("Operators, sensors, hook and assets", lead, *_documented(airflow_provider_bedrock_rft.HOMES))


def _grading() -> str:
    lead = f"What a grader may import from `{ROOT}.grading`, on your machine and in its Lambda."
    return _page("Building blocks of graders", lead, *_documented(grading.HOMES))


def _settings() -> str:
    parts = []
    for name, place in SETTINGS.items():
        parts += [
            f"## {name.rpartition('.')[2]}",
            f"The fields of {place}.",
            _directive("autoclass", f"{ROOT}.{name}", members=False),
        ]
    return _page("Settings", "What a DAG gives as a mapping; a field that is not there is refused.", *parts)


def _commands() -> str:
    parts = []
    with _terminal_of(WIDTH):
        for group in cli.GROUPS:
            for title, text in _helps_of(group):
                parts += [f"## {title}", f"```text\n{text.strip()}\n```"]
    return _page("Commands", "What `--help` says, for every command.", *parts)


@contextlib.contextmanager
def _terminal_of(width: int) -> Iterator[None]:
    """Argparse folds its help to the terminal."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        os.environ.update({} if before is None else {"COLUMNS": before})


def _helps_of(group: str) -> Iterator[tuple[str, str]]:
    if group != "emulator":
        return _helps(cli.command_parser(group), f"bedrock-rft {group}")
    said = io.StringIO()  # its command line is its own
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        parse_arguments(["--help"])
    return iter([("bedrock-rft emulator", said.getvalue())])


def _helps(parser: argparse.ArgumentParser, title: str) -> Iterator[tuple[str, str]]:
    yield title, parser.format_help()
    for name, child, _ in children(parser):
        yield from _helps(child, f"{title} {name}")


def _examples() -> Iterator[tuple[str, str]]:
    files = sorted(EXAMPLES.glob("*.py"))
    graders = sorted((EXAMPLES / "graders").glob("*.py"))
    rows = [f"| {_doc(path).splitlines()[0]} | [{path.name}](examples/{path.stem}.md) |" for path in files]
    table = "\n".join(
        [
            "| question | file |",
            "|---|---|",
            *rows,
            "| What does a grader look like? | [graders](examples/graders.md) |",
        ]
    )
    toctree = "\n".join(
        ["```{toctree}", ":hidden:", "", *(f"examples/{path.stem}" for path in files), "examples/graders", "```"]
    )
    yield EXAMPLES_PAGE, _page("Example DAGs", "", table, toctree)
    for path in files:
        yield f"{EXAMPLES_PAGE}/{path.stem}", _page(path.name, "", _doc(path), _source(path))
    yield f"{EXAMPLES_PAGE}/graders", _page("Example graders", "", *_with_sources(graders))


def _with_sources(files: Sequence[Path]) -> Iterator[str]:
    for path in files:
        yield from (f"## {path.name}", _doc(path), _source(path))


def _doc(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").replace("``", "`")


def _source(path: Path) -> str:
    """The code without the docstring, which stands above it as text."""
    text = path.read_text(encoding="utf-8")
    first, *_ = ast.parse(text).body
    lines = text.splitlines()[first.end_lineno if _doc(path) else 0 :]
    return "\n".join(["```python", *lines, "```"]).replace("```python\n\n", "```python\n")


if __name__ == "__main__":
    shutil.rmtree(Path(__file__).parent / FOLDER, ignore_errors=True)
    write_pages(Path(__file__).parent)
