"""A grader's package, unpacked and run in a process of its own: it may raise, hang, exit or print without end."""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.grader.trial.process import ProcessAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.grader.package import GraderPackage

WORKER = Path(__file__).with_name("worker.py")
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "urllib3", "six")
"""What Lambda's Python runtime has beside the standard library."""
_INTERPRETER = (sys.executable, "-I", "-S", "-B")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on the process.

    Attributes:
        timeout_seconds: Of one invocation, and of starting up.
        memory_mb: Of its data; what Lambda would give it.
        environment: All of its environment variables beside the ones Lambda sets.
    """

    timeout_seconds: float = 60.0
    memory_mb: int = 512
    environment: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def isolated(package: GraderPackage, limits: Limits, *, visible: Sequence[str] = ()) -> Iterator[IsolatedGrader]:
    """The package as a :class:`GraderProcess`; it is gone when the block ends.

    Args:
        package: As it would be uploaded.
        limits: Bounds on the process.
        visible: Pinned requirements that the package does not hold (not fetched, or in a layer): as installed here.
    """
    with tempfile.TemporaryDirectory(prefix="rft-grader-") as folder:
        root = Path(folder, "package")
        with zipfile.ZipFile(io.BytesIO(package.zip_bytes)) as archive:
            archive.extractall(root)
        _link_installed(root, [*visible, *SDK])
        grader = IsolatedGrader(root, package.handler, limits)
        try:
            yield grader
        finally:
            grader.stop()


class IsolatedGrader:
    """A :class:`GraderProcess` in a process group of its own."""

    def __init__(self, root: Path, handler: str, limits: Limits) -> None:
        self._root = root
        self._handler = handler
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def invoke(self, event: bytes) -> ProcessAnswer:
        """Hand it one event; starts the process where there is none."""
        process = self._process or self._start()
        deadline = time.monotonic() + self._limits.timeout_seconds
        try:
            header = json.loads(_exchange(process, event, deadline))
            payload = _read(process, header["size"], deadline)
        except TimeoutError:
            self.stop()
            seconds = self._limits.timeout_seconds
            return ProcessAnswer(error_type="Hang", error_message=f"no reply within {seconds:g} s", seconds=seconds)
        except (EOFError, BrokenPipeError):
            status = process.wait()
            self.stop()
            how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
            return ProcessAnswer(error_type="Exit", error_message=f"the process ended: {how}")
        error = header["error"]
        return ProcessAnswer(
            payload=payload,
            seconds=header["seconds"],
            error_type=error.get("type", ""),
            error_message=f"{error['message']} ({error['place']})" if error else "",
            peak_mb=header["peak_mb"],
            printed_bytes=header["printed_bytes"],
            log_tail=header["log_tail"],
            n_forks=header["n_forks"],
        )

    def stop(self) -> None:
        """End the process and whatever it started."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter and script
            [*_INTERPRETER, str(WORKER), str(self._root), self._handler, str(self._limits.memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._root,
            env=_environment(self._limits),
            start_new_session=True,
        )
        return self._process


def _environment(limits: Limits) -> dict[str, str]:
    names = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "en_US.UTF-8", "TZ": ":UTC", "AWS_REGION": "us-west-2"}
    return {**names, "AWS_DEFAULT_REGION": "us-west-2", "AWS_EC2_METADATA_DISABLED": "true", **limits.environment}


def _exchange(process: subprocess.Popen[bytes], event: bytes, deadline: float) -> bytes:
    """Send a request and read the header of the answer."""
    _write(process, json.dumps({"size": len(event)}).encode() + b"\n" + event, deadline)
    header = bytearray()
    while not header.endswith(b"\n"):
        header += _read(process, 1, deadline)
    return bytes(header)


def _write(process: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
    assert process.stdin  # noqa: S101 -- it was opened as a pipe
    descriptor = process.stdin.fileno()
    os.set_blocking(descriptor, False)
    view = memoryview(data)
    while view:
        _, ready, _ = select.select([], [descriptor], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        view = view[os.write(descriptor, view) :]


def _read(process: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
    assert process.stdout  # noqa: S101 -- it was opened as a pipe
    descriptor, read = process.stdout.fileno(), bytearray()
    while len(read) < size:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        chunk = os.read(descriptor, size - len(read))
        if not chunk:
            raise EOFError
        read += chunk
    return bytes(read)


def _link_installed(root: Path, requirements: Sequence[str]) -> None:
    """Make packages that are installed here importable beside the grader, and nothing else."""
    for requirement in requirements:
        with contextlib.suppress(PackageNotFoundError):
            found = distribution(requirement.partition("==")[0])
            for name in {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}:
                target = Path(str(found.locate_file(name)))
                if target.exists() and not (root / name).exists():
                    (root / name).symlink_to(target)
