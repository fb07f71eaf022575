"""Tests that share a stack or a trained model stay in one worker, or the suite takes twice as long and fails at random."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("probe")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs everything")
def test_xdist_keeps_a_group_together(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@probe"), "this pytest and this pytest-xdist do not fit: groups are ignored"
