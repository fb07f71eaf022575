"""What a task wants checked, from its rendered fields to the options of the check."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidInput, ResourceNotFound
from airflow_provider_bedrock_rft.hooks.files import content_of, is_remote
from airflow_provider_bedrock_rft.hooks.inputs import is_true, text_of, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, DatasetReport
    from airflow_provider_bedrock_rft.core.dataset.language import LanguageProfile
    from airflow_provider_bedrock_rft.core.dataset.length import CountTokens
    from airflow_provider_bedrock_rft.core.dataset.manifest import DatasetManifest
    from airflow_provider_bedrock_rft.core.dataset.source import Source
    from airflow_provider_bedrock_rft.core.ports import ObjectStore

EMPTY = (None, "", "None")
ACCEPTED = "accepted.manifest.json"
"""Below ``<artifacts_uri>/datasets``: the manifest of the dataset that was last uploaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Rendered fields of an operator; every one may be text, and what is empty is as if it were absent.

    Attributes:
        targets: Whose rules apply.
        grader: ``path.py:function`` to run on every reference.
        max_prompt_tokens: Longest prompt.
        tokenizer: Counts a prompt's tokens; a bound is used without one.
        previous: Manifest of the dataset accepted before, a local path or ``s3://`` URI.
        near: Look for near duplicates and near leakage.
        privacy: Look for secrets and personal data.
    """

    targets: Sequence[str]
    grader: object = None
    max_prompt_tokens: object = None
    tokenizer: object = None
    previous: object = None
    near: object = True
    privacy: object = True

    def options(self, objects: ObjectStore, stack: ExitStack, *, accepted_below: str = "") -> CheckOptions:
        """The options of the check; ``stack`` keeps the grader's process.

        Args:
            objects: Where manifests are read.
            stack: Closed when the check is done.
            accepted_below: Where the manifest of the dataset accepted before is looked for when none is named.

        Raises:
            InvalidInput: A field cannot be used; names it.
            InvalidGrader: There is no such grader.
        """
        from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions
        from airflow_provider_bedrock_rft.core.dataset.deep import DeepOptions
        from airflow_provider_bedrock_rft.core.dataset.quota import Target
        from airflow_provider_bedrock_rft.grading.references import scorer_of

        grader = None if self.grader in EMPTY else text_of(self.grader, "grader", {})
        limit = None if self.max_prompt_tokens in EMPTY else whole_number(self.max_prompt_tokens, "max_prompt_tokens")
        return CheckOptions(
            targets=tuple(Target(name) for name in self.targets),
            max_prompt_tokens=limit,
            count_tokens=counter_of(self.tokenizer),
            deep=DeepOptions(
                near=is_true(self.near, "near"),
                privacy=is_true(self.privacy, "privacy"),
                score=stack.enter_context(scorer_of(grader)) if grader else None,
                profiles_language=bool(accepted_below),
                previous_language=self._previous_language(objects, accepted_below),
            ),
        )

    def _previous_language(self, objects: ObjectStore, accepted_below: str) -> LanguageProfile | None:
        if self.previous not in EMPTY:
            place = text_of(self.previous, "previous", {"rft.dataset": "manifest_uri"})
            return _manifest_in(content_of(objects, place), place).language
        if not accepted_below:
            return None
        place = f"{accepted_below}/{ACCEPTED}"
        try:
            return _manifest_in(objects.get(place), place).language
        except ResourceNotFound:
            return None


def counter_of(tokenizer: object) -> CountTokens | None:
    """The tokenizer that a field names; ``None`` when it is empty.

    Raises:
        InvalidInput: It cannot be loaded.
    """
    from airflow_provider_bedrock_rft.clients.tokenizers import load_tokenizer

    return None if tokenizer in EMPTY else load_tokenizer(text_of(tokenizer, "tokenizer", {}))


def check_sources(sources: Sequence[Source], options: CheckOptions) -> DatasetReport:
    """The check, on as many processors as pay for a dataset of this size."""
    from airflow_provider_bedrock_rft.clients import scanning

    return scanning.check_sources(sources, options)


def _manifest_in(data: bytes, place: str) -> DatasetManifest:
    from airflow_provider_bedrock_rft.core.codec import load
    from airflow_provider_bedrock_rft.core.dataset.manifest import DatasetManifest

    try:
        return load(DatasetManifest, json.loads(data))
    except ValueError as error:
        raise InvalidInput(f"{place} is no manifest: {error}.") from None


def keep_manifest(objects: ObjectStore, manifest: DatasetManifest, folder: str) -> str:
    """Store a manifest by its dataset's content, and as that of the dataset accepted last; returns the former's URI."""
    from airflow_provider_bedrock_rft.core.codec import dump
    from airflow_provider_bedrock_rft.core.dataset.fingerprint import content_name

    data = json.dumps(dump(manifest), indent=2).encode()
    uri = f"{folder}/{content_name(manifest.fingerprint).removesuffix('.jsonl')}.manifest.json"
    for place in (uri, f"{folder}/{ACCEPTED}"):
        objects.put_bytes(place, data)
    return uri


def folder_of(artifacts_uri: object) -> str:
    """Where datasets and their manifests are kept below ``artifacts_uri``; empty when there is none."""
    place = artifacts_uri if isinstance(artifacts_uri, str) else ""
    return f"{place.rstrip('/')}/datasets" if is_remote(place) else ""


def log_report(report: DatasetReport, say: Callable[[str], None], *, at_most: int) -> None:
    """Files, findings and counts, a line each; findings beyond ``at_most`` are counted only."""
    from airflow_provider_bedrock_rft.core.dataset.report import counted

    for file in report.files:
        say(f"{file.path}: {file.n_records:,} records ({file.split}), SHA-256 {file.sha256}")
    for finding in report.findings[:at_most]:
        say(str(finding))
    if len(report.findings) > at_most:
        say(f"… and {len(report.findings) - at_most:,} findings more.")
    say(f"Findings: {counted(report)}.")
