"""Random fault scripts against a small pipeline end in success or in the right error; seeds are kept."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

FOUND = json.loads(Path(__file__).with_name("found.json").read_text())
"""Seeds that have found defects, with what those were."""
FEW = (2, 543, 1_000, 1_002, 1_004, *range(1_006, 1_012))
PER_FOLDER = 40


def seeds() -> range:
    """All seeds of a soak; ``RFT_SOAK_SEEDS=200:300`` takes some of them."""
    first, _, end = os.environ.get("RFT_SOAK_SEEDS", "0:1000").partition(":")
    return range(int(first), int(end))


@pytest.fixture(scope="module")
def world(new_world: Callable[[], Any]) -> Any:
    return new_world()


@pytest.mark.parametrize("seed", [*FEW, *map(int, FOUND)])
def test_a_script_ends_in_success_or_in_the_right_error(
    world: Any, seed: int, soak: Callable[..., Any], tmp_path: Path
) -> None:
    report = soak(world, seed, tmp_path)
    assert report.defects == [], report.line()


@pytest.mark.skipif(not os.environ.get("RFT_SOAK"), reason="a thousand scripts take hours; set RFT_SOAK=1")
def test_a_thousand_scripts(new_world: Callable[[], Any], soak: Callable[..., Any], tmp_path: Path) -> None:
    log = Path(os.environ.get("RFT_SOAK_LOG") or tmp_path / "soak.jsonl")
    bad = []
    world: Any = None
    for number, seed in enumerate(seeds()):
        if number % PER_FOLDER == 0:
            world = new_world()
        report = soak(world, seed, tmp_path)
        with log.open("a") as file:
            file.write(json.dumps({**report.line(), "memory_mb": round(world.memory_mb())}) + "\n")
        if report.defects:
            bad.append(report.line())
            world = new_world()
    assert bad == []
