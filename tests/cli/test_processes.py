from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from airflow_provider_bedrock_rft.cli import processes
from airflow_provider_bedrock_rft.cli.folder import claim, claim_one_of

if TYPE_CHECKING:
    from pathlib import Path

SLEEPER = [*processes.python_module("timeit")[:1], "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [
    SLEEPER[0],
    "-c",
    (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print(child.pid, flush=True); time.sleep(60)"
    ),
]


def wait_for_output(log: Path) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if log.exists() and log.read_text().strip():
            return log.read_text().strip()
        time.sleep(0.02)
    pytest.fail("the process printed nothing")


def test_a_process_is_found_again_and_stopped(tmp_path: Path) -> None:
    started = processes.start("sleeper", SLEEPER, env=os.environ, log=tmp_path / "log")
    assert processes.is_running(started)
    processes.stop([started])
    assert not processes.is_running(started)


def test_a_later_process_with_the_same_id_is_not_ours(tmp_path: Path) -> None:
    started = processes.start("sleeper", SLEEPER, env=os.environ, log=tmp_path / "log")
    stranger = dataclasses.replace(started, started_at=started.started_at - 100)
    assert not processes.is_running(stranger)
    processes.stop([stranger])
    assert processes.is_running(started)
    processes.stop([started])


def test_one_that_ignores_the_request_is_killed_with_its_children(tmp_path: Path) -> None:
    started = processes.start("stubborn", STUBBORN, env=os.environ, log=tmp_path / "log")
    child = psutil.Process(int(wait_for_output(tmp_path / "log")))
    processes.stop([started], patience_seconds=0.3)
    assert not processes.is_running(started)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_one_that_died_by_itself_is_no_error(tmp_path: Path) -> None:
    started = processes.start("sleeper", SLEEPER, env=os.environ, log=tmp_path / "log")
    os.kill(started.pid, signal.SIGKILL)
    os.waitpid(started.pid, 0)
    assert not processes.is_running(started)
    processes.stop([started])


def test_a_port_in_use_is_not_given_out() -> None:
    with socket.socket() as taken:
        taken.bind((processes.LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert processes.reserve_port(port) > port


def test_a_port_is_reserved_for_one_command_before_anybody_listens() -> None:
    port = processes.reserve_port(23450)
    assert processes.reserve_port(port) > port
    other = "from airflow_provider_bedrock_rft.cli.processes import reserve_port; print(reserve_port(%d))"
    found = subprocess.run([SLEEPER[0], "-c", other % port], capture_output=True, text=True, check=True)
    assert int(found.stdout) > port


def test_a_folder_is_claimed_once_and_the_next_one_gets_another(tmp_path: Path) -> None:
    first, lock = claim_one_of(tmp_path / "demo")
    second, other = claim_one_of(tmp_path / "demo")
    assert (first.name, second.name) == ("demo", "demo-2")
    assert claim(tmp_path / "demo") is None
    lock.close()
    other.close()
    again = claim(tmp_path / "demo")
    assert again is not None
    again.close()
