"""A lineage in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.clock import to_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_bedrock_rft.core.lineage.graph import Change
    from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest


def story_text(reference: str, manifests: Sequence[Manifest]) -> str:
    """How an artefact came to be and what became of it, for a terminal."""
    return "\n".join([reference, *(line for manifest in manifests for line in _lines(manifest))]) + "\n"


def changes_text(before: str, after: str, changes: Iterable[Change]) -> str:
    """What changed from one run to another, for a terminal."""
    lines = [
        f"  {change.stage.value:<11} {change.what:<9} {change.name}: {change.before or '(absent)'} -> "
        f"{change.after or '(absent)'}"
        for change in changes
    ]
    return "\n".join([f"{before} -> {after}", *(lines or ["  nothing changed"])]) + "\n"


def _lines(manifest: Manifest) -> Iterator[str]:
    started = f"{to_utc(manifest.started_at):%Y-%m-%d %H:%M:%S} UTC"
    seconds = manifest.finished_at - manifest.started_at
    yield f"  {manifest.stage.value} of {manifest.run_id} at {started}, {seconds:.0f} s"
    for sign, fields in (("<-", manifest.inputs), ("->", manifest.outputs)):
        for role, reference in sorted(fields.items()):
            yield f"    {sign} {role}: {reference}"
    for name, value in sorted(manifest.parameters.items()):
        yield f"       {name} = {value}"
    for name, number in sorted(manifest.results.items()):
        yield f"       {name}: {number:.4g}"
    for name, version in sorted(manifest.versions.items()):
        yield f"       {name} {version}"
