"""Dependencies of a grader, pinned to what is installed here and fetched for Lambda's platform."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from airflow_provider_bedrock_rft.core.errors import InvalidGrader

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def pinned(requirements: Iterable[str]) -> tuple[str, ...]:
    """The requirements and all that they require in turn, each as ``name==version``, sorted.

    Versions are those installed here, so that the Lambda runs what was tried; a pinned requirement keeps its pin.

    Raises:
        InvalidGrader: A requirement is neither pinned nor installed.
    """
    pins: dict[str, str] = {}
    waiting, seen = [Requirement(text) for text in requirements], set[str]()
    while waiting:
        wanted = waiting.pop()
        if str(wanted) in seen:
            continue
        seen.add(str(wanted))
        version, needs = _installed(wanted.name)
        exact = next((item.version for item in wanted.specifier if item.operator == "=="), "")
        if not (exact or version):
            raise InvalidGrader(
                f"The requirement {wanted} is neither pinned nor installed here.",
                action=f"Install it, or give it with its version: {wanted.name}==1.2.3.",
            )
        pins.setdefault(wanted.name.lower().replace("_", "-"), exact or version)
        for text in needs:
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)):
                waiting.append(needed)
    return tuple(f"{name}=={version}" for name, version in sorted(pins.items()))


def _installed(name: str) -> tuple[str, list[str]]:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return "", []
    return found.version, found.requires or []


def fetch(requirements: Sequence[str], *, python_version: str, timeout_seconds: float = 600.0) -> dict[str, bytes]:
    """Archive path → content of exactly these packages, built for Lambda (x86-64 Linux).

    Raises:
        InvalidGrader: There is no installer, or a package has no wheel for that platform and Python.
    """
    if not requirements:
        return {}
    with tempfile.TemporaryDirectory(prefix="rft-wheels-") as folder:
        command = [*_installer(python_version), "--target", folder, *requirements]
        done = subprocess.run(  # noqa: S603 -- an installer of this environment
            command, capture_output=True, text=True, check=False, timeout=timeout_seconds
        )
        if done.returncode:
            reason = " ".join(done.stderr.split())[-500:]
            raise InvalidGrader(
                f"The dependencies {', '.join(requirements)} cannot be fetched for Lambda: {reason}",
                action="Choose versions that have wheels for manylinux x86-64, or put them into a layer.",
            )
        root = Path(folder)
        found = sorted(path for path in root.rglob("*") if path.is_file() and path.name != ".lock")
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def _installer(python_version: str) -> list[str]:
    if uv := shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent)):
        target = ["--python-platform", "x86_64-manylinux_2_28", "--python-version", python_version]
        return [uv, "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", *target]
    platforms = [f"--platform={name}_x86_64" for name in ("manylinux_2_28", "manylinux_2_17", "manylinux2014")]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:"]
    return [*pip, f"--python-version={python_version}", *platforms]
