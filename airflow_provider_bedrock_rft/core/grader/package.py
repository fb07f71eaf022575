"""A grader as a Lambda package: a zip whose bytes depend on its contents and on nothing else."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_bedrock_rft.core.codec import fingerprint
from airflow_provider_bedrock_rft.core.errors import InvalidGrader

MAX_ZIP_BYTES = 50 * 1024 * 1024
"""Lambda's quota for a package in a request; a larger one goes by way of S3."""
MAX_UNPACKED_BYTES = 250 * 1024 * 1024
"""Lambda's quota for an unpacked package, layers included."""
LAMBDA_PYTHON_VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
"""Python runtimes that Lambda offers (its documentation of runtimes, November 2026)."""
_THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHON_VERSION = _THIS_PYTHON if _THIS_PYTHON in LAMBDA_PYTHON_VERSIONS else LAMBDA_PYTHON_VERSIONS[-1]
"""The Lambda runtime graders are built for unless told otherwise: the Python on which the test bench tried them."""
ENTRY_MODULE = "_rft_entry"
"""The module that Lambda imports when the grader is a plain function."""

_MODEL_RUNTIME = b"bedrock-runtime"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_STRAY = re.compile(
    r"(^|/)(__pycache__|\.git|\.mypy_cache|\.ruff_cache|\.pytest_cache|\.venv|\.ipynb_checkpoints)/"
    r"|\.(pyc|pyo|swp)$|(^|/)\.DS_Store$|^bin/|\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderSource:
    """What goes into a package.

    Attributes:
        origin: Where it came from, for people: ``graders/maths.py:grade``.
        files: Path in the archive → content, the grader's own files and what they use of this distribution.
        handler: ``module.function`` for Lambda.
        requirements: Pinned requirements (``name==version``) of the packages it imports.
        python_version: Of the Lambda runtime.
        layered: Those of them, likewise pinned, that a layer provides; they are not packaged.
    """

    origin: str
    files: Mapping[str, bytes]
    handler: str
    requirements: tuple[str, ...] = ()
    python_version: str = PYTHON_VERSION
    layered: tuple[str, ...] = ()

    @property
    def asks_a_model(self) -> bool:
        """True when its files reach for Bedrock's runtime: such a grader judges, and has to be calibrated."""
        return any(_MODEL_RUNTIME in content for content in self.files.values())

    @property
    def packaged(self) -> tuple[str, ...]:
        """The requirements that go into the package."""
        return tuple(pin for pin in self.requirements if pin not in self.layered)

    @property
    def fingerprint(self) -> str:
        """Of everything that decides what the grader does; known before dependencies are resolved."""
        contents = {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}
        return fingerprint(
            {
                "files": contents,
                "handler": self.handler,
                "requirements": sorted(self.requirements),
                "python": self.python_version,
                **({"layered": sorted(self.layered)} if self.layered else {}),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderPackage:
    """A package, ready for Lambda.

    Attributes:
        origin: As in its source.
        zip_bytes: The archive.
        fingerprint: Of its source; two archives of one fingerprint grade alike, whatever zlib made of them.
        handler: ``module.function``.
        runtime: Lambda's name of the runtime, such as ``python3.12``.
        unpacked_bytes: Size of the files.
        asks_a_model: As its source.
    """

    origin: str
    zip_bytes: bytes = field(repr=False)
    fingerprint: str
    handler: str
    runtime: str
    unpacked_bytes: int
    asks_a_model: bool = False

    @classmethod
    def of(cls, source: GraderSource, zip_bytes: bytes, *, unpacked_bytes: int) -> GraderPackage:
        """An archive that was made of ``source``."""
        return cls(
            origin=source.origin,
            zip_bytes=zip_bytes,
            fingerprint=source.fingerprint,
            handler=source.handler,
            runtime=f"python{source.python_version}",
            unpacked_bytes=unpacked_bytes,
            asks_a_model=source.asks_a_model,
        )

    @property
    def sha256(self) -> str:
        """SHA-256 of the archive, in hex."""
        return hashlib.sha256(self.zip_bytes).hexdigest()

    @property
    def code_sha256(self) -> str:
        """The same in base64, as Lambda reports it."""
        return base64.b64encode(hashlib.sha256(self.zip_bytes).digest()).decode()


def build_package(source: GraderSource, dependencies: Mapping[str, bytes] | None = None) -> GraderPackage:
    """The package of ``source`` with the files of its ``dependencies``; same inputs, same bytes.

    Raises:
        InvalidGrader: It is too large for Lambda, or a file of the grader hides one of a dependency.
    """
    files = {path: content for path, content in (dependencies or {}).items() if not _STRAY.search(path)}
    own = {path: content for path, content in source.files.items() if not _STRAY.search(path)}
    if hidden := sorted(files.keys() & own.keys()):
        raise InvalidGrader(
            f"{source.origin}: its file {hidden[0]} has the name of a dependency's.", action="Rename the file."
        )
    files.update(own)
    unpacked_bytes = sum(map(len, files.values()))
    if unpacked_bytes > MAX_UNPACKED_BYTES:
        raise InvalidGrader(
            f"{source.origin}: the package has {unpacked_bytes / 2**20:.0f} MB unpacked; Lambda takes "
            f"{MAX_UNPACKED_BYTES / 2**20:.0f} MB, layers included.",
            action="Drop dependencies, or build a container image, which may have 10 GB.",
        )
    return GraderPackage.of(source, _zip(files), unpacked_bytes=unpacked_bytes)


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.create_system = 3  # Unix, wherever it is built, so that the mode below counts
            entry.external_attr = (0o100755 if path.endswith(".so") else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[path], compresslevel=6)
    return buffer.getvalue()
