"""Dependencies of a grader, pinned to what is installed here and fetched for Lambda's platform."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from airflow_provider_bedrock_rft.core.errors import InvalidGrader

if TYPE_CHECKING:
    from collections.abc import Iterable


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
