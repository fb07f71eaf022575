"""Manifests joined by what one made and another took."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import ResourceNotFound
from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_ORDER = {stage: position for position, stage in enumerate(Stage)}


class Lineage:
    """The manifests of any number of runs."""

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        self.manifests = tuple(sorted(manifests, key=_place))
        self._makers = _by_reference(self.manifests, lambda manifest: manifest.outputs)
        self._takers = _by_reference(self.manifests, lambda manifest: manifest.inputs)

    def ancestry(self, reference: str) -> tuple[Manifest, ...]:
        """Every stage that led to an artefact, in the pipeline's order.

        Raises:
            ResourceNotFound: No manifest mentions it.
        """
        self._refuse_unknown(reference)
        return _ordered(_walk(reference, self._makers, lambda manifest: manifest.inputs))

    def consequences(self, reference: str) -> tuple[Manifest, ...]:
        """Every stage that an artefact went into, directly or not, in the pipeline's order.

        Raises:
            ResourceNotFound: No manifest mentions it.
        """
        self._refuse_unknown(reference)
        return _ordered(_walk(reference, self._takers, lambda manifest: manifest.outputs))

    def story(self, reference: str) -> tuple[Manifest, ...]:
        """How an artefact came to be, and what became of it."""
        return _ordered([*self.ancestry(reference), *self.consequences(reference)])

    def references_behind(self, reference: str) -> frozenset[str]:
        """Every artefact in an artefact's ancestry, itself included; nothing of it may be removed while it serves."""
        if reference not in self._makers:
            return frozenset({reference})
        manifests = self.ancestry(reference)
        return frozenset(
            {reference}.union(*(m.inputs.values() for m in manifests), *(m.outputs.values() for m in manifests))
        )

    def run(self, run_id: str) -> tuple[Manifest, ...]:
        """The stages of one run.

        Raises:
            ResourceNotFound: There is no such run.
        """
        found = tuple(manifest for manifest in self.manifests if manifest.run_id == run_id)
        if not found:
            raise ResourceNotFound(
                f"No manifest is of the run {run_id!r}.", action="Look for the run's id in the Airflow UI."
            )
        return found

    def _refuse_unknown(self, reference: str) -> None:
        if reference not in self._makers and reference not in self._takers:
            raise ResourceNotFound(
                f"No manifest mentions {reference}.",
                action="Check the id, and that the artefacts' URI is the pipeline's.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between two runs; empty text stands for absent."""

    stage: Stage
    what: str
    name: str
    before: str
    after: str


def changes_between(before: Iterable[Manifest], after: Iterable[Manifest]) -> tuple[Change, ...]:
    """What differs between two runs, stage by stage; equal things are left out."""
    left, right = _facts(before), _facts(after)
    return tuple(
        Change(stage=stage, what=what, name=name, before=left.get(key, ""), after=right.get(key, ""))
        for key in sorted(left.keys() | right.keys(), key=lambda key: (_ORDER[key[0]], *key[1:]))
        if left.get(key) != right.get(key)
        for stage, what, name in [key]
    )


def _facts(manifests: Iterable[Manifest]) -> dict[tuple[Stage, str, str], str]:
    found: dict[tuple[Stage, str, str], str] = {}
    for manifest in manifests:
        for what, fields in (
            ("input", manifest.inputs),
            ("output", manifest.outputs),
            ("parameter", manifest.parameters),
            ("result", {name: f"{value:.6g}" for name, value in manifest.results.items()}),
            ("version", manifest.versions),
        ):
            for name, value in fields.items():
                key = (manifest.stage, what, name)
                found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _walk(
    start: str,
    neighbours: Mapping[str, list[Manifest]],
    onward: Callable[[Manifest], Mapping[str, str]],
) -> list[Manifest]:
    seen, found, waiting = {start}, [], deque([start])
    while waiting:
        for manifest in neighbours.get(waiting.popleft(), ()):
            found.append(manifest)
            for reference in onward(manifest).values():
                if reference not in seen:
                    seen.add(reference)
                    waiting.append(reference)
    return found


def _by_reference(
    manifests: Iterable[Manifest], fields: Callable[[Manifest], Mapping[str, str]]
) -> dict[str, list[Manifest]]:
    found: dict[str, list[Manifest]] = {}
    for manifest in manifests:
        for reference in fields(manifest).values():
            found.setdefault(reference, []).append(manifest)
    return found


def _ordered(manifests: Iterable[Manifest]) -> tuple[Manifest, ...]:
    return tuple(sorted({manifest.path: manifest for manifest in manifests}.values(), key=_place))


def _place(manifest: Manifest) -> tuple[int, float, str]:
    return _ORDER[manifest.stage], manifest.started_at, manifest.path
