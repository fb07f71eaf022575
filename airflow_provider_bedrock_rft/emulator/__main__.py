"""The emulator as a process: ``python -m airflow_provider_bedrock_rft.emulator``."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import math
import os
import signal
import socket
import sys
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec

from airflow_provider_bedrock_rft.emulator.faults import parse_rule
from airflow_provider_bedrock_rft.emulator.settings import Settings
from airflow_provider_bedrock_rft.emulator.upstream import KEY_VARIABLE, UpstreamSettings, parse_upstream
from airflow_provider_bedrock_rft.emulator.upstream import warning as privacy_warning

if TYPE_CHECKING:
    from collections.abc import Sequence


_DEFAULT_FOLDER = Path(".bedrock-rft") / "emulator"
_BACKLOG = 2048


class _Configuration(msgspec.Struct, forbid_unknown_fields=True):
    """A configuration file."""

    training: dict[str, object] = {}
    faults: list[dict[str, object]] = []
    accounts: dict[str, tuple[str, str]] = {}
    function_settle_seconds: float = 0.0


class CannotStart(Exception):
    """The process cannot serve; the message is one sentence for the person who started it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; answers the exit status."""
    logging.basicConfig(
        level=os.environ.get("EMULATOR_LOG", "WARNING"), stream=sys.stderr, format="%(asctime)s %(name)s %(message)s"
    )
    try:
        given = sys.argv[1:] if arguments is None else arguments
        if "--self-test" in given:
            return _self_test()
        if "--model-diff" in given:
            return _model_diff()
        settings = parse_arguments(given)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave)
        with listen(settings) as listener:
            make_folder(settings.data_dir)
            serve(settings, listener)
    except CannotStart as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _self_test() -> int:
    from airflow_provider_bedrock_rft.emulator.conformance.self_test import self_test  # noqa: PLC0415 -- slow, and rare

    return self_test()


def _model_diff() -> int:
    from airflow_provider_bedrock_rft.emulator.conformance.model_diff import model_diff  # noqa: PLC0415 -- slow, and rare

    return model_diff()


def parse_arguments(arguments: Sequence[str]) -> Settings:
    """The settings that a command line asks for."""
    parser = argparse.ArgumentParser(prog="bedrock-rft emulator", description="Amazon Bedrock RFT, emulated locally.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    parser.add_argument("--data-dir", type=Path, default=_DEFAULT_FOLDER, help="where all state is kept")
    parser.add_argument("--seed", type=int, default=42, help="seed of jobs and answers that are given none")
    parser.add_argument("--speed", type=float, default=1.0, help="emulated seconds per real second")
    parser.add_argument(
        "--config",
        type=Path,
        help="JSON file with further settings: training, faults, accounts, function_settle_seconds",
    )
    parser.add_argument(
        "--upstream",
        metavar="URL",
        help=f"an OpenAI-compatible server that answers for base models and judges; its key comes from {KEY_VARIABLE}",
    )
    parser.add_argument(
        "--upstream-model",
        metavar="MODEL=MODEL_THERE",
        action="append",
        default=[],
        help="forward this model only, under that name (may be repeated)",
    )
    parser.add_argument(
        "--self-test", action="store_true", help="examine the native planes by botocore's models, and end"
    )
    parser.add_argument(
        "--model-diff", action="store_true", help="tell what changed in botocore's models since their review, and end"
    )
    options = parser.parse_args(arguments)
    if not 0 < options.speed < math.inf:
        raise CannotStart(f"The speed must be positive and finite, not {options.speed}.")
    settings = Settings(
        host=options.host,
        port=options.port,
        data_dir=options.data_dir.resolve(),
        seed=options.seed,
        speed=options.speed,
        upstream=_upstream(options.upstream, options.upstream_model),
    )
    return settings if options.config is None else _configured(settings, options.config)


def _upstream(url: str | None, models: list[str]) -> UpstreamSettings | None:
    if url is None:
        if models:
            raise CannotStart("--upstream-model needs --upstream: the address of the server that has the model.")
        return None
    try:
        upstream = parse_upstream(url, models, os.environ.get(KEY_VARIABLE, ""))
    except ValueError as error:
        raise CannotStart(f"{error}.") from error
    sys.stderr.write(privacy_warning(upstream))
    return upstream


def _configured(settings: Settings, path: Path) -> Settings:
    try:
        given = msgspec.json.decode(path.read_bytes(), type=_Configuration)
        for rule in given.faults:
            parse_rule(rule)
        training = settings.training.changed(given.training)
    except (OSError, ValueError) as error:
        raise CannotStart(f"The configuration {path} cannot be used: {error}") from error
    return replace(
        settings,
        training=training,
        faults=tuple(given.faults),
        accounts=given.accounts,
        function_settle_seconds=given.function_settle_seconds,
    )


def listen(settings: Settings) -> socket.socket:
    """A listening socket.

    Raises:
        CannotStart: the port is taken or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(
        socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
    )  # inherited: else each reply may wait 40 ms for an ACK
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or str(error)
        raise CannotStart(
            f"The emulator cannot listen on {settings.host}:{settings.port} ({why}); choose another --port (0: any)."
        ) from error
    sys.stderr.write(warning(settings.host))
    return listener


def make_folder(folder: Path) -> None:
    """Make the folder that state is kept in.

    Raises:
        CannotStart: there can be none, or nothing can be written to it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lock").touch()
    except OSError as error:
        raise CannotStart(
            f"The data folder {folder} cannot be used ({error.strerror}); choose another --data-dir."
        ) from error


def warning(host: str) -> str:
    """What to say about listening on ``host``: nothing if it is loopback."""
    if host == "localhost" or (_is_address(host) and ip_address(host).is_loopback):
        return ""
    return (
        f"Warning: listening on {host}, which other machines can reach. The emulator runs uploaded code "
        "and its keys are public: anyone who reaches this port can run programs here.\n"
    )


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve on ``listener`` until a signal ends it."""
    from airflow_provider_bedrock_rft.emulator.assembly import FolderInUse, run  # noqa: PLC0415 -- a bad command line is told at once

    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    gc.freeze()

    def announce() -> None:
        sys.stdout.write(f"ready http://{shown}:{port}\n")
        sys.stdout.flush()

    try:
        asyncio.run(run(settings, listener, f"http://{shown}:{port}", announce))
    except FolderInUse as error:
        raise CannotStart(str(error)) from error


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
