"""``bedrock-rft demo``: one whole recurring retraining under a real Airflow scheduler, and an honest verdict on it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidInput, RftError

if TYPE_CHECKING:
    import argparse

    from airflow_provider_bedrock_rft.cli.demo_progress import Progress
    from airflow_provider_bedrock_rft.cli.stack import Stack

DAG_ID = "recurring_retraining"
RUN_ID = "demo"
DEFAULT_HOME = Path(".rft/demo")
RUN_SECONDS = 900.0
POLL_SECONDS = 1.0
FAILED = 1
BAD_USAGE = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--dataset", type=Path, help="JSONL of your own (default: generated word problems)")
    parser.add_argument("--grader", help="reward function of your own, as path.py:function")
    parser.add_argument("--model", default="openai.gpt-oss-20b", help="base model id (%(default)s)")
    parser.add_argument("--epochs", type=int, default=None, help="passes over the training split")
    parser.add_argument("--home", type=Path, default=DEFAULT_HOME, help="the folder of all it keeps (%(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 when it did what it promises, 1 when not, 2 for unusable input."""
    from airflow_provider_bedrock_rft.cli.folder import claim_one_of

    try:
        request = DemoRequest.parse(args)
    except InvalidInput as error:
        print(f"bedrock-rft: {error}", file=sys.stderr)
        return BAD_USAGE
    home, lock = claim_one_of(args.home.resolve())
    with lock:
        return _run_in(home, request)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRequest:
    """What to train on, as the person asked for it.

    Attributes:
        dataset: A file of theirs, ``None`` for the default.
        conf: The run's parameters besides the dataset.
    """

    dataset: Path | None
    conf: Mapping[str, object]

    @property
    def is_default(self) -> bool:
        """True when success can be promised: our data and our grader."""
        return self.dataset is None and "grader" not in self.conf

    @classmethod
    def parse(cls, args: argparse.Namespace) -> DemoRequest:
        """The request in the command's arguments.

        Raises:
            InvalidInput: A file does not exist.
        """
        if args.dataset is not None and not args.dataset.is_file():
            raise InvalidInput(f"--dataset: there is no file {args.dataset}.", action="Give a JSONL file.")
        conf: dict[str, object] = {"model": args.model}
        if args.epochs is not None:
            conf["n_epochs"] = args.epochs
        if args.grader:
            conf["grader"] = _grader_source(args.grader)
        return cls(dataset=args.dataset and args.dataset.resolve(), conf=conf)


def _grader_source(text: str) -> str:
    path, separator, function = text.rpartition(":")
    file = Path(path if separator else text)
    if not file.is_file():
        raise InvalidInput(f"--grader: there is no file {file}.", action="Give path.py:function.")
    return f"{file.resolve()}:{function}" if separator else str(file.resolve())


def _run_in(home: Path, request: DemoRequest) -> int:
    from airflow_provider_bedrock_rft.cli.stack import example_dags, open_stack

    if (home / "stack.json").exists():  # of a demo before this one, perhaps a killed one
        open_stack(home, example_dags()).stop()
    shutil.rmtree(home, ignore_errors=True)
    stack = open_stack(home, example_dags())
    try:
        return _train_and_judge(stack, request)
    except RftError as error:
        print(f"bedrock-rft: {error}", file=sys.stderr)
        return FAILED
    finally:
        stack.stop()


def _train_and_judge(stack: Stack, request: DemoRequest) -> int:
    from airflow_provider_bedrock_rft.cli.demo_progress import Progress
    from airflow_provider_bedrock_rft.cli.demo_report import report
    from airflow_provider_bedrock_rft.cli.laptop import DEFAULT_DATASET, prepare_account, put_dataset

    progress = Progress(stack)
    progress.say("starting the emulator and Airflow …")
    stack.start()
    prepare_account(stack)
    progress.say(f"Airflow is up at {stack.airflow_url}, the emulator at {stack.emulator_url}")
    dataset = put_dataset(stack, request.dataset) if request.dataset else DEFAULT_DATASET
    wait_for_dag(stack)
    due = stack.api.due_date(DAG_ID)  # this run takes the place of the one that the schedule would create at once
    stack.api.trigger(DAG_ID, conf={**request.conf, "dataset": dataset}, run_id=RUN_ID, logical_date=due)
    stack.api.unpause(DAG_ID)
    state = watch(stack, progress)
    return report(stack, (DAG_ID, RUN_ID), state, progress, is_default=request.is_default)


def wait_for_dag(stack: Stack) -> None:
    """Wait until the DAG processor has read the example.

    Raises:
        ServiceUnavailable: It has not after two minutes.
    """
    stack.wait_until(f"the DAG {DAG_ID}", lambda: stack.api.has_dag(DAG_ID), needs="dag-processor")


def watch(stack: Stack, progress: Progress) -> str:
    """Follow the run until it ends; returns its final state, ``timeout`` when it takes longer than 15 minutes."""
    give_up_at = time.monotonic() + RUN_SECONDS
    api = stack.api
    while time.monotonic() < give_up_at:
        state = api.run_state(DAG_ID, RUN_ID)
        progress.update(api.task_states(DAG_ID, RUN_ID))
        if state in {"success", "failed"}:
            return state
        time.sleep(POLL_SECONDS)  # noqa: TID251 -- a person waits at a terminal
    return "timeout"
