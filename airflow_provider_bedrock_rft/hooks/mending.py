"""A mended copy of a dataset, where the next task finds it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.hooks.files import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from airflow_provider_bedrock_rft.core.dataset.repair import Repair
    from airflow_provider_bedrock_rft.core.dataset.source import Source
    from airflow_provider_bedrock_rft.core.ports import ObjectStore


def mended(
    objects: ObjectStore, sources: Sequence[Source], place: str, stack: ExitStack, say: Callable[[str], None]
) -> Source:
    """Store the mended lines of all sources at ``place``, saying each repair; returns them as one source.

    Raises:
        InvalidInput: The copy would replace what it is made of.
        InvalidDataset: A source cannot be read, or has a line too long to be copied.
    """
    from airflow_provider_bedrock_rft.clients.sources import find_sources
    from airflow_provider_bedrock_rft.core.steps.dataset_making import repair_dataset

    if any(source.name == place for source in sources):
        raise InvalidInput(f"The mended copy {place} would replace its own original.", action="Name another place.")
    folder = stack.enter_context(TemporaryDirectory(prefix="rft-"))
    copy = Path(folder, "mended.jsonl") if is_remote(place) else Path(place)

    def tell(source: Source, repair: Repair) -> None:
        say(f"{source.name}:{repair.line}: fixed {repair.code}: {repair.message}")

    counts = repair_dataset(sources, copy, tell)
    if is_remote(place):
        objects.put(place, copy)
    n_repairs = sum(counts.values())
    say(f"{n_repairs:,} repair{'s' * (n_repairs != 1)}; the mended copy is {place}.")
    return find_sources([str(copy)])[0]
