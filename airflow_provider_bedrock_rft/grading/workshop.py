"""A grader's file in, its package out; what was built once is kept."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import GraderFailure, InvalidGrader
from airflow_provider_bedrock_rft.core.grader.contract import MAX_PAYLOAD_BYTES, batches_of, encode_event, parse_reply
from airflow_provider_bedrock_rft.core.grader.package import PYTHON_VERSION, GraderPackage, GraderSource, build_package
from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings, run_trial
from airflow_provider_bedrock_rft.grading.isolation import Limits, isolated
from airflow_provider_bedrock_rft.grading.runtime import DISTRIBUTION
from airflow_provider_bedrock_rft.grading.source import read_source
from airflow_provider_bedrock_rft.grading.wheels import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.grader.sample import GraderSample
    from airflow_provider_bedrock_rft.core.grader.trial.report import TrialReport

MAX_KEYWORDS = 40


def default_cache() -> Path:
    """Where packages are kept: ``$XDG_CACHE_HOME`` or ``~/.cache``, in a folder of this distribution."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "airflow-provider-bedrock-rft", "graders")


def pack(
    spec: str,
    *,
    requirements: Sequence[str] = (),
    python_version: str = PYTHON_VERSION,
    layered: Sequence[str] = (),
    cache: Path | None = None,
) -> GraderPackage:
    """The package of the grader ``PATH[:NAME]``, with its dependencies but for those that a layer provides.

    Raises:
        InvalidGrader: It cannot be read, its dependencies cannot be had, or it is too large.
    """
    source = read_source(spec, requirements=requirements, python_version=python_version, layered=layered)
    return pack_source(source, cache or default_cache())


def pack_source(source: GraderSource, cache: Path) -> GraderPackage:
    """The package of ``source``; taken from ``cache`` when one of the same fingerprint is there."""
    if not source.packaged:
        return build_package(source)
    kept = cache / f"{source.fingerprint}.zip"
    with contextlib.suppress(OSError, zipfile.BadZipFile):
        return _reopen(source, kept.read_bytes())
    package = build_package(source, fetch(source.packaged, python_version=source.python_version))
    with contextlib.suppress(OSError):  # a cache that cannot be written is no reason to fail
        _keep(kept, package.zip_bytes)
    return package


def require_importable(
    package: GraderPackage, *, environment: Mapping[str, str] | None = None, layered: Sequence[str] = ()
) -> None:
    """Import the package's handler once, in a clean process, and have it answer an empty batch.

    Args:
        package: As it would be uploaded.
        environment: Of the Lambda.
        layered: Requirements that a layer provides; taken from what is installed here.

    Raises:
        InvalidGrader: It does not import, or does not answer.
    """
    with isolated(package, Limits(environment=environment or {}), visible=layered) as process:
        answer = process.invoke(encode_event([]))
    if answer.error_type:
        raise InvalidGrader(
            f"{package.origin} does not start in a clean process: {answer.error_type}: {answer.error_message}.",
            action="Give what it imports as requirements, and what it reads as environment variables.",
        )


def try_out(
    spec: str,
    records: Sequence[Record],
    settings: TrialSettings,
    *,
    requirements: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    python_version: str = PYTHON_VERSION,
) -> TrialReport:
    """The bench's report on the grader ``PATH[:NAME]``; nothing is fetched, its dependencies are those installed here.

    Raises:
        InvalidGrader: It cannot be read, or names a dependency that is not installed.
    """
    source = read_source(spec, requirements=requirements, python_version=python_version)
    limits = Limits(
        timeout_seconds=settings.timeout_seconds, memory_mb=settings.memory_mb, environment=environment or {}
    )
    told = settings if settings.keywords else _with_keywords(settings, source)
    with isolated(build_package(source), limits, visible=source.requirements) as process:
        return run_trial(process, records, told, origin=source.origin)


def local_scores(
    spec: str,
    samples: Sequence[GraderSample],
    *,
    requirements: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """The grader's score of every sample, in a process of its own on this machine.

    Raises:
        InvalidGrader: It cannot be read.
        GraderFailure: It failed, or answered nonsense.
    """
    source = read_source(spec, requirements=requirements)
    scores: dict[str, float] = {}
    with isolated(build_package(source), Limits(environment=environment or {}), visible=source.requirements) as process:
        for batch in batches_of(samples, max_samples=64, max_bytes=MAX_PAYLOAD_BYTES // 2):
            answer = process.invoke(encode_event(batch))
            if answer.error_type:
                raise GraderFailure(f"{source.origin}: {answer.error_type}: {answer.error_message}.")
            reply = parse_reply(answer.payload, [sample.sample_id for sample in batch])
            scores.update((sample_id, score.value) for sample_id, score in reply.items())
    return scores


def keywords_of(source: GraderSource) -> list[str]:
    """Short texts that a grader's own files look for, as far as literals show them."""
    found: dict[str, None] = {}
    for path, content in source.files.items():
        if path.endswith(".py") and not path.startswith(DISTRIBUTION):
            tree = ast.parse(content)
            documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            literals = [
                node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in documented
            ]
            texts = [node.value for node in literals if isinstance(node.value, str)]
            found.update((text, None) for text in texts if 2 < len(text) < 40)
    return list(found)[:MAX_KEYWORDS]


def _with_keywords(settings: TrialSettings, source: GraderSource) -> TrialSettings:
    return replace(settings, keywords=keywords_of(source))


def _reopen(source: GraderSource, zip_bytes: bytes) -> GraderPackage:
    with zipfile.ZipFile(io.BytesIO(zip_bytes)) as archive:
        unpacked_bytes = sum(entry.file_size for entry in archive.infolist())
    return GraderPackage.of(source, zip_bytes, unpacked_bytes=unpacked_bytes)


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(temporary).replace(path)
