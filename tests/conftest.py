"""What every test starts from: an Airflow home of its own, set before anything imports Airflow."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "rft-airflow-home-"


def _sweep() -> None:
    """Remove the homes of runs that were killed: the system has released their locks."""
    for home in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), (home / "owner").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(home, ignore_errors=True)


def _remove(home: Path, pid: int) -> None:
    if os.getpid() == pid:  # not in a process that was forked from this one
        shutil.rmtree(home, ignore_errors=True)


_sweep()
_HOME = Path(tempfile.mkdtemp(prefix=_PREFIX))
_LOCK = (_HOME / "owner").open("w")
fcntl.flock(_LOCK, fcntl.LOCK_EX)
atexit.register(_remove, _HOME, os.getpid())
os.environ["AIRFLOW_HOME"] = str(_HOME)
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "True"
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{_HOME}/airflow.db"
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]  # no test may find the real credentials of whoever runs it
