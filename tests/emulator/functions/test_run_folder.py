"""What function processes leave in the system's temporary folder: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.functions.run_folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

HOLDS_ONE = """
import sys, pathlib
from airflow_provider_bedrock_rft.emulator.functions.run_folder import RunFolder
folder = RunFolder(pathlib.Path(sys.argv[1]))
(folder.path / "api.sock").touch()
print(folder.path, flush=True)
sys.stdin.read()
"""


def test_a_folder_goes_when_its_user_does(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (folder.path / "tmp").mkdir()
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_left_alone_and_a_killed_users_is_swept(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS_ONE, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        theirs = tmp_path / other.stdout.readline().strip()
        mine = RunFolder(tmp_path)
        assert (theirs / "api.sock").exists()
        other.send_signal(signal.SIGKILL)
    assert theirs.exists()
    RunFolder(tmp_path).remove()
    assert not theirs.exists()
    assert mine.path.exists()
    mine.remove()


def test_folders_of_before_there_were_locks_go_once_they_are_old(tmp_path: Path) -> None:
    old, young, foreign = tmp_path / "rft-fn-old", tmp_path / "rft-fn-young", tmp_path / "another"
    for folder in (old, young, foreign):
        folder.mkdir()
    os.utime(old, (0, 0))
    RunFolder(tmp_path).remove()
    assert {path.name for path in tmp_path.iterdir()} == {"rft-fn-young", "another"}
