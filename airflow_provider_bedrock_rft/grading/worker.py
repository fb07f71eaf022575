"""The process in which a grader under trial runs. A script of its own: standard library only, nothing of ours.

Started as ``python -I -S -B worker.py FOLDER HANDLER MEMORY_MB``. Requests come on standard input, answers
go to what was standard output: a line with a JSON header that has the ``size`` of the body, then the body. What the
grader prints goes to a file, is counted and forgotten.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import tempfile
import time
import traceback
from typing import IO

TAIL_BYTES = 4096
MAX_FILE_BYTES = 256 * 1024 * 1024


def main(folder: str, handler: str, memory_mb: str) -> None:
    """Answer requests until standard input ends."""
    _limit(int(memory_mb) * 1024 * 1024)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    printed = tempfile.TemporaryFile()  # noqa: SIM115 -- open as long as the process
    for descriptor in (1, 2):
        os.dup2(printed.fileno(), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    forks = list[int]()
    # a child would grade the rest of the batch, and fork again
    os.register_at_fork(after_in_parent=lambda: forks.append(1), after_in_child=lambda: os._exit(0))
    sys.path.insert(0, folder)
    function = None
    for line in requests:
        body = requests.read(json.loads(line)["size"])
        started = time.perf_counter()
        error: dict[str, str] = {}
        reply = b""
        try:
            function = function or _load(handler)
            reply = _encode(function(json.loads(body), None))  # type: ignore[operator]
        except BaseException as raised:  # noqa: BLE001 -- SystemExit and its kind are what is looked for
            error = _describe(raised)
        header = {
            "size": len(reply),
            "seconds": time.perf_counter() - started,
            "peak_mb": _peak_mb(),
            "n_forks": len(forks),
            "error": error,
            **_drain(printed),
        }
        answers.write(json.dumps(header).encode() + b"\n" + reply)
        answers.flush()


class Unserialisable(TypeError):
    """A reply that is no JSON."""


def _encode(reply: object) -> bytes:
    try:
        return json.dumps(reply).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unserialisable(str(error)) from None


def _limit(data_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    if sys.platform == "linux":  # elsewhere it is not kept
        resource.setrlimit(resource.RLIMIT_DATA, (data_bytes, data_bytes))


def _load(handler: str) -> object:
    module, _, name = handler.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _peak_mb() -> float:
    """Largest resident size of this program; ``ru_maxrss`` would count the parent's before the fork."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 -- pathlib is not needed for one line
            return next(float(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _describe(error: BaseException) -> dict[str, str]:
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    kind = type(error).__name__
    if (
        isinstance(error, KeyError)
        and last
        and last.name == "__getitem__"
        and last.filename in {"<frozen os>", os.__file__}
    ):
        kind = "EnvironmentVariable"
    place = f"{os.path.basename(last.filename)}:{last.lineno}" if last else ""  # noqa: PTH119
    return {"type": kind, "message": str(error)[:500], "place": place}


def _drain(printed: IO[bytes]) -> dict[str, object]:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    size = os.fstat(printed.fileno()).st_size
    tail = os.pread(printed.fileno(), TAIL_BYTES, max(0, size - TAIL_BYTES))
    os.ftruncate(printed.fileno(), 0)
    os.lseek(printed.fileno(), 0, os.SEEK_SET)
    return {"printed_bytes": size, "log_tail": tail.decode(errors="replace")}


if __name__ == "__main__":
    main(*sys.argv[1:4])
