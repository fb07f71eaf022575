"""Starts the process of an execution environment: which interpreter, which environment variables, which walls."""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.functions.catalogue import FunctionVersion

log = logging.getLogger(__name__)

SDK_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
_CLIENT = Path(__file__).with_name("runtime_client.py")
_TMP_BYTES = 512 * 1024 * 1024
_DATA_SLACK_BYTES = 512 * 1024 * 1024
_BWRAP_TRIAL_SECONDS = 10
_SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A command line and what goes with it. ``token`` begins the marks in its output."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What of the host an environment uses: code (read-only), a writable folder, the SDK, the way out."""

    code: Path
    own: Path
    sdk: Path
    relay: Path

    @property
    def socket(self) -> Path:
        """Where the runtime API listens."""
        return self.own / "api.sock"

    @property
    def temporary(self) -> Path:
        """The function's ``/tmp``."""
        return self.own / "tmp"


@cache
def bubblewrap() -> str | None:
    """The path of a ``bwrap`` that can make namespaces here, or None; says in the log which it is."""
    path = shutil.which("bwrap")
    if path is None:
        log.warning("bubblewrap is not installed: functions see the host's file system and network")
        return None
    trial = [path, "--ro-bind", "/", "/", "--unshare-pid", "--unshare-net", "--proc", "/proc", "--dev", "/dev", "true"]
    done = subprocess.run(trial, capture_output=True, timeout=_BWRAP_TRIAL_SECONDS, check=False)  # noqa: S603
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()
        log.warning("bubblewrap does not work here (%s): functions see the host's file system and network", reason)
        return None
    log.info("functions are isolated by %s", path)
    return path


def make_sdk_folder(folder: Path) -> Path:
    """A folder with nothing but the AWS SDK for Python and what it needs, as in Lambda's own runtime."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SDK_PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        link = folder / source.name
        if not link.is_symlink() or link.readlink() != source:
            link.unlink(missing_ok=True)
            link.symlink_to(source)
    return folder


def prepare(
    function: FunctionVersion,
    place: Place,
    *,
    endpoint: str,
    credentials: Mapping[str, str],
    log_stream: str,
    walls: str | None,
) -> Launch:
    """How to start ``function``. Nothing of the emulator's own environment is passed on.

    ``walls`` is the path of ``bwrap``, or None to start the interpreter directly.
    """
    environment = {
        **dict(function.environment),
        **credentials,
        **_lambda_variables(function, place, endpoint=endpoint, log_stream=log_stream),
    }
    token = "\x1e" + secrets.token_hex(16)
    data_bytes = function.memory_mb * 1024 * 1024 + _DATA_SLACK_BYTES
    python = (sys.executable, "-I", "-S", "-u", "-B", str(_CLIENT))
    command: tuple[str, ...] = (*python, token, function.handler, str(place.sdk), str(data_bytes), str(_TMP_BYTES))
    if walls is not None:
        port = str(urlsplit(endpoint).port or 80)
        command = (*_walled(walls, place), *command, port, str(place.relay))
    return Launch(command=command, environment=environment, folder=place.code, token=token)


def _walled(bwrap: str, place: Place) -> tuple[str, ...]:
    """``bwrap`` with the few folders a function may see, each at its own path."""
    readable = [*_SYSTEM_FOLDERS, *_interpreter_folders(), str(place.code), str(place.sdk), str(_CLIENT)]
    readable += [str(link.readlink()) for link in sorted(place.sdk.iterdir())]
    arguments = [bwrap, "--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net"]
    arguments += ["--die-with-parent", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
    for folder in readable:
        arguments += ["--ro-bind-try", folder, folder]
    for path in (str(place.own), str(place.relay)):
        arguments += ["--bind", path, path]
    return (*arguments, "--chdir", str(place.code))


@cache
def _interpreter_folders() -> tuple[str, ...]:
    executable = Path(sys.executable)
    folders = {sys.base_prefix, sys.base_exec_prefix, str(executable.resolve().parent), str(executable.parent)}
    return tuple(sorted(folders))


def _lambda_variables(function: FunctionVersion, place: Place, *, endpoint: str, log_stream: str) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "HOME": str(place.temporary),
        "TMPDIR": str(place.temporary),
        "LAMBDA_TASK_ROOT": str(place.code),
        "LAMBDA_RUNTIME_DIR": str(place.sdk),
        "_HANDLER": function.handler,
        "AWS_LAMBDA_RUNTIME_API": f"unix:{place.socket}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def own_folder(parent: Path) -> Path:
    """A new writable folder for one environment, with a ``tmp`` in it."""
    folder = parent / secrets.token_hex(4)
    (folder / "tmp").mkdir(parents=True)
    os.chmod(folder, 0o700)  # noqa: PTH101
    return folder
