from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from airflow_provider_bedrock_rft.plugin import registration

pytestmark = pytest.mark.airflow

PROBE = """
import json, sys
from airflow.sdk import DAG, BaseOperator
from airflow.providers.common.compat.sdk import AirflowPlugin, conf
import airflow_provider_bedrock_rft
before = set(sys.modules)
import airflow_provider_bedrock_rft.plugin.registration
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_importing_the_plugin_loads_nothing_else_in_a_fresh_interpreter() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(done.stdout.splitlines()[-1]) == [
        "airflow_provider_bedrock_rft.plugin",
        "airflow_provider_bedrock_rft.plugin.registration",
    ]


def test_airflow_finds_the_plugin_by_its_entry_point() -> None:
    (found,) = (one for one in entry_points(group="airflow.plugins") if one.name == "bedrock_rft")
    assert found.load() is registration.BedrockRftPlugin


def test_a_place_has_one_address_and_all_have_one_name() -> None:
    for entries in (registration.react_apps("/airflow/"), registration.external_views()):
        assert {entry["destination"] for entry in entries} == {"nav", "dag", "dag_run", "task_instance"}
        assert len({entry["url_route"] for entry in entries}) == 4
        assert {entry["name"] for entry in entries} == {"Bedrock RFT"}


@pytest.mark.parametrize(
    ("base", "bundle"), [("/", "/bedrock-rft/page/rft.js"), ("/a/b", "/a/b/bedrock-rft/page/rft.js")]
)
def test_the_bundle_is_found_below_a_path(base: str, bundle: str) -> None:
    assert {entry["bundle_url"] for entry in registration.react_apps(base)} == {bundle}


def test_one_way_is_registered_for_one_airflow() -> None:
    plugin = registration.BedrockRftPlugin
    assert bool(plugin.react_apps) is registration.HAS_HOST_STYLES
    assert bool(plugin.external_views) is not registration.HAS_HOST_STYLES
