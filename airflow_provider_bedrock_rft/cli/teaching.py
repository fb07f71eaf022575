"""Examples that every command's help ends with, and the walk through a pipeline that the first page shows."""

from __future__ import annotations

import argparse
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 98
DATASET = "sums.jsonl"
GRADER = "arn:aws:lambda:us-west-2:111122223333:function:sums:3"
MODEL = "openai.gpt-oss-20b"
KEPT = "--artifacts s3://my-bucket/tutor"

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "": (
        ("See all of it work, without an AWS account", "bedrock-rft demo"),
        ("Look for faults in a dataset", f"bedrock-rft dataset check {DATASET}"),
        ("Find out what a reward function pays for", f"bedrock-rft grader test my_grader.py --dataset {DATASET}"),
        ("Know what is missing on AWS", "bedrock-rft doctor --aws-conn-id aws_default"),
        ("Give a pipeline its least rights", "bedrock-rft permissions --account 111122223333 --dag my_dag.py"),
        ("Complete commands in this shell", 'eval "$(bedrock-rft completion bash)"'),
    ),
    "dataset": (("Every fault with its line", f"bedrock-rft dataset check {DATASET}"),),
    "dataset check": (
        (
            "Training data, held against the data it is tested on",
            f"bedrock-rft dataset check {DATASET} --test test.jsonl",
        ),
        (
            "Would the grader give every reference the top score?",
            f"bedrock-rft dataset check {DATASET} --grader my_grader.py:grade",
        ),
        ("Mend what can be mended, then check that", f"bedrock-rft dataset check {DATASET} --fix mended.jsonl"),
        ("For a machine", f"bedrock-rft dataset check {DATASET} --format json"),
    ),
    "dataset split": (
        (
            "Parts that share no prompt, the same ones every time",
            f"bedrock-rft dataset split {DATASET} --out parts --seed 7",
        ),
        (
            "Two parts, whose questions of one customer stay together",
            f"bedrock-rft dataset split {DATASET} --out parts --fractions train=0.7,test=0.3 --group-by customer",
        ),
    ),
    "dataset stats": (("How long, how hard, how many steps", f"bedrock-rft dataset stats {DATASET} --batch-size 8"),),
    "dataset from-invocation-logs": (
        (
            "What one application asked in November",
            "bedrock-rft dataset from-invocation-logs s3://my-logs/AWSLogs/ --out asked.jsonl --metadata app=tutor",
        ),
    ),
    "demo": (
        ("With generated word problems", "bedrock-rft demo"),
        ("With data and a grader of your own", f"bedrock-rft demo --dataset {DATASET} --grader my_grader.py:grade"),
    ),
    "up": (
        ("The example DAGs", "bedrock-rft up"),
        ("DAGs of your own", "bedrock-rft up --dags ~/dags"),
        ("What the demo has left", "bedrock-rft up --home .rft/demo"),
    ),
    "down": (("Stop what `up` started", "bedrock-rft down"),),
    "readiness": (
        (
            "Before the first job",
            f"bedrock-rft readiness {MODEL} --dataset {DATASET} --grader {GRADER} {KEPT} --limit 50",
        ),
    ),
    "evaluate": (
        (
            "What serves now",
            f"bedrock-rft evaluate {MODEL} --dataset test.jsonl --grader {GRADER} {KEPT} --out base.jsonl",
        ),
        (
            "What may replace it",
            f"bedrock-rft evaluate ft-my-model --dataset test.jsonl --grader {GRADER} {KEPT} --out tuned.jsonl",
        ),
    ),
    "compare": (
        ("Is it better, and surely?", "bedrock-rft compare base.jsonl tuned.jsonl"),
        (
            "By the rules of your house, as a page to pass on",
            "bedrock-rft compare base.jsonl tuned.jsonl --policy policy.yaml --format html --output report.html",
        ),
    ),
    "lineage": (
        ("Where does this model come from?", f"bedrock-rft lineage ft-my-model {KEPT}"),
        ("What became of this dataset?", f"bedrock-rft lineage dataset:9f86d081 {KEPT}"),
    ),
    "diff": (
        ("Why is this week's model different?", f"bedrock-rft diff scheduled__2026-11-08 scheduled__2026-11-15 {KEPT}"),
    ),
    "grader": (("What does it pay for?", f"bedrock-rft grader test my_grader.py --dataset {DATASET}"),),
    "grader test": (
        ("What does it pay for?", f"bedrock-rft grader test my_grader.py --dataset {DATASET}"),
        (
            "With a library, and a check that does not apply",
            f"bedrock-rft grader test my_grader.py:grade --dataset {DATASET} --requirement rapidfuzz --skip latency",
        ),
    ),
    "grader package": (
        ("The zip file that the Lambda would get", "bedrock-rft grader package my_grader.py --out my_grader.zip"),
    ),
    "grader deploy": (
        (
            "Into the emulator",
            "bedrock-rft grader deploy my_grader.py --function-name sums --endpoint-url http://127.0.0.1:8380",
        ),
        ("Tried before and after", f"bedrock-rft grader deploy my_grader.py --function-name sums --dataset {DATASET}"),
    ),
    "grader invoke": (
        ("What the deployed one says to the references", f"bedrock-rft grader invoke {GRADER} --dataset {DATASET}"),
    ),
    "doctor": (
        ("Is everything installed?", "bedrock-rft doctor --offline"),
        (
            "May the connection do what the pipeline needs?",
            "bedrock-rft doctor --aws-conn-id aws_default --pipeline tutor --function bedrock-rft-tutor --artifacts s3://my-bucket/tutor",
        ),
        ("On the native plane", "bedrock-rft doctor --plane native --region us-east-1"),
    ),
    "permissions": (
        ("What the tasks of a DAG file need", "bedrock-rft permissions --account 111122223333 --dag my_dag.py"),
        (
            "The role that jobs of the native plane assume",
            "bedrock-rft permissions --account 111122223333 --for job-role --artifacts s3://my-bucket/tutor",
        ),
    ),
    "emulator": (),
    "completion": (
        ("For this bash", 'eval "$(bedrock-rft completion bash)"'),
        ("For good, in fish", "bedrock-rft completion fish > ~/.config/fish/completions/bedrock-rft.fish"),
    ),
}
"""Command → what somebody wants, and the line that does it."""


def teach(parser: argparse.ArgumentParser, command: str = "") -> None:
    """Let the help of a parser, and of every parser below it, end with its examples."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    notes = [fill(parser.epilog, WIDTH)] if parser.epilog else []
    parser.epilog = "\n\n".join(filter(None, (_shown(command), *notes)))
    for name, child, summary in children(parser):
        child.description = child.description or summary
        teach(child, f"{command} {name}".strip())


def children(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """The sub-commands of a parser: name, parser, and the line that tells of it."""
    for action in parser._actions:  # noqa: SLF001 -- argparse has no other door to them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001
            yield from ((name, child, summaries.get(name, "")) for name, child in action.choices.items())


def _shown(command: str) -> str:
    lines = [line for what, how in EXAMPLES.get(command, ()) for line in (f"  # {what}", f"  {how}")]
    return "\n".join(["examples:", *lines]) if lines else ""
