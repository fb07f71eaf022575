"""The process in which a completion's code is run. A script of its own: standard library only, nothing of ours."""

from __future__ import annotations

import ast
import json
import os
import resource
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
from types import ModuleType

_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.system",
    "os.kill",
    "ctypes.",
    "pty.",
    "gc.get_",
)
_FRAMES = frozenset({"tb_frame", "gi_frame", "cr_frame", "ag_frame"})
_WRITING = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.chmod",
    "os.chown",
    "os.link",
    "os.symlink",
    "shutil.",
)


def main() -> None:
    """Run the code, then each test, and write one signed line of verdicts."""
    job = json.load(sys.stdin)
    out = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    _limit(job)
    word, tests = job.pop("word"), job["tests"]
    write, leave = os.write, os._exit
    sys.addaudithook(_guard(os.path.realpath(os.curdir), tuple(sys.path)))
    verdicts = _verdicts(job["setup"], job["code"], tests)
    write(out, (word + verdicts + "\n").encode())
    leave(0)


def _verdicts(setup: str, code: str, tests: list[str]) -> str:
    module = sys.modules["completion"] = ModuleType("completion")  # dataclasses look their module up
    names = vars(module)
    try:
        exec(compile(setup, "<setup>", "exec"), names)  # noqa: S102 -- running it is the purpose
        exec(compile(code, "<completion>", "exec"), names)  # noqa: S102
    except BaseException:  # noqa: BLE001 -- whatever it raises, it failed
        return "0" * len(tests)
    return "".join("1" if _holds(test, names) else "0" for test in tests)


def _holds(test: str, names: dict[str, object]) -> bool:
    try:
        tree = ast.parse(test)
        exec(compile(tree, "<test>", "exec"), names)  # noqa: S102
    except BaseException:  # noqa: BLE001 -- whatever it raises, the test failed
        return False
    return True


def _limit(job: dict[str, float]) -> None:
    seconds, data_bytes = max(1, int(job["seconds"]) + 1), int(job["memory_mb"]) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(job["file_bytes"]), int(job["file_bytes"])))
    if sys.platform == "linux":  # elsewhere it is not kept
        resource.setrlimit(resource.RLIMIT_DATA, (data_bytes, data_bytes))


def _guard(folder: str, importable: tuple[str, ...]) -> Callable[[str, tuple[object, ...]], None]:
    libraries = (*importable, sys.base_prefix)

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event == "sys._getframe":  # it leads to the word; libraries that ask for it expect this error
            raise ValueError(event)
        if event.startswith(_FORBIDDEN) or (event == "object.__getattr__" and arguments[1] in _FRAMES):
            raise PermissionError(event)
        if event.startswith(_WRITING) and not _is_below(arguments[0], folder):
            raise PermissionError(event)
        if event == "open" and isinstance(arguments[0], str | bytes):
            places = (folder,) if _is_writing(arguments) else (folder, *libraries)
            if not any(_is_below(arguments[0], place) for place in places):
                raise PermissionError(event)

    return refuse


def _is_writing(arguments: tuple[object, ...]) -> bool:
    _, mode, flags = arguments
    return bool(set(str(mode or "")) & set("wax+")) or bool(
        isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
    )


def _is_below(path: object, folder: str) -> bool:
    text = os.fsdecode(path) if isinstance(path, str | bytes) else ""
    return bool(folder) and os.path.realpath(text).startswith(os.path.realpath(folder))


if __name__ == "__main__":
    main()
