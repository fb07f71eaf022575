"""What Airflow is told about this package: declarations that cannot be wrong without breaking somebody."""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import airflow
import jsonschema
import pytest

import airflow_provider_bedrock_rft as package
from airflow_provider_bedrock_rft.assets import check_uri, dataset_asset, job_asset, model_asset, rft_asset
from airflow_provider_bedrock_rft.links import folder_url, function_url, grader_links, log_group_url, parameter_url
from airflow_provider_bedrock_rft.provider_info import get_provider_info

TASKS: list[Any] = [
    value
    for name in package.__all__
    if isinstance(value := getattr(package, name), type) and hasattr(value, "template_fields")
    if name.endswith(("Operator", "Sensor"))
]
NO_SUCH_NAME = "BedrockRftMakeTeaOperator"
HOMES: dict[str, str] = vars(package)["HOMES"]
ROOT = Path(package.__file__).parent
MAX_IMPORT_CPU_MS = 30 * 3  # a budget of 30 ms, on a machine that does other things at the same time


def test_the_provider_info_is_valid() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)
    assert get_provider_info()["package-name"] == "airflow-provider-bedrock-rft"


def test_the_provider_info_imports_nothing() -> None:
    tree = ast.parse((ROOT / "provider_info.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [node.module for node in imports if isinstance(node, ast.ImportFrom)] == ["__future__"]
    assert len(imports) == 1


def dotted_paths(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value.startswith("airflow_provider_bedrock_rft.") else []
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [path for part in parts for path in dotted_paths(part)]


@pytest.mark.parametrize("path", dotted_paths(get_provider_info()))
def test_every_path_in_the_provider_info_imports(path: str) -> None:
    try:
        import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        assert hasattr(import_module(module), name)


def test_every_module_with_operators_is_declared() -> None:
    declared = set(dotted_paths(get_provider_info()))
    for task in TASKS:
        assert task.__module__ in declared


def test_public_names_are_sorted_complete_and_in_the_stub() -> None:
    assert list(HOMES) == sorted(HOMES)
    stub = ast.parse((ROOT / "__init__.pyi").read_text())
    listed = next(ast.literal_eval(node.value) for node in stub.body if isinstance(node, ast.Assign))
    assert listed == package.__all__
    imported = {
        alias.name: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == {name: f"airflow_provider_bedrock_rft.{home}" for name, home in HOMES.items()}


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=NO_SUCH_NAME):
        _ = getattr(package, NO_SUCH_NAME)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
def test_template_fields_are_arguments_and_stay_what_was_given(task: Any) -> None:
    given: dict[str, Any] = {}
    for cls in task.__mro__:
        if cls.__module__.startswith("airflow_provider_bedrock_rft") and "__init__" in vars(cls):
            given.update(inspect.signature(vars(cls)["__init__"]).parameters)
    assert set(task.template_fields) <= set(given)
    assert {"aws_conn_id", "region_name"} <= set(task.template_fields)
    values = {name: f"{{{{ params.{name} }}}}" for name in task.template_fields}
    made = task(task_id="t", **values)
    assert {name: getattr(made, name) for name in values} == values


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
def test_arguments_are_keyword_only(task: Any) -> None:
    with pytest.raises(Exception, match="keyword arguments"):
        task("t", "x")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
def test_links_are_declared_on_the_class_with_distinct_names(task: Any) -> None:
    links = vars(task).get("operator_extra_links", ())
    declared = dotted_paths(get_provider_info()["extra-links"])
    assert len({link.name for link in links}) == len(links)
    assert {f"{type(link).__module__}.{type(link).__name__}" for link in links} <= set(declared)


def test_a_default_arg_reaches_the_connection() -> None:
    from airflow.sdk import DAG

    with DAG("d", schedule=None, default_args={"aws_conn_id": "mine", "artifacts_uri": "s3://b/p"}):
        task = package.BedrockRftCreateJobOperator(task_id="t", model="m", dataset="d", grader="g")
    assert task.aws_conn_id == "mine"
    assert task.artifacts_uri == "s3://b/p"


IMPORTS = """
import sys, time
from airflow.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, task
import airflow.triggers.base, gc
gc.collect(), gc.disable()
before, start = set(sys.modules), time.process_time()
import airflow_provider_bedrock_rft as package
for name in package.__all__:
    getattr(package, name)
spent = (time.process_time() - start) * 1000
new = set(sys.modules) - before
heavy = {"boto3", "botocore", "openai", "aiohttp", "numpy", "scipy", "fastapi", "moto"}
print(spent, len(new), *sorted({name.partition(".")[0] for name in new} & heavy))
"""


def test_a_dag_file_that_imports_everything_pays_little(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    runs = [
        subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True, env=environment)
        for _ in range(2)
    ]
    spent, n_modules, *heavy = runs[-1].stdout.splitlines()[-1].split()
    assert heavy == []
    assert int(n_modules) < 120  # one or two for each public name
    assert float(spent) < MAX_IMPORT_CPU_MS


@pytest.mark.parametrize("kind", ["dataset", "job", "model"])
def test_assets(kind: str) -> None:
    asset = rft_asset(pipeline="math-tutor", kind=kind)
    assert asset.uri == f"bedrock-rft://math-tutor/{kind}"
    assert asset.name == f"math-tutor {kind}"
    assert asset == {"dataset": dataset_asset, "job": job_asset, "model": model_asset}[kind]("math-tutor")


@pytest.mark.parametrize(
    "uri",
    [
        "bedrock-rft:///model",
        "bedrock-rft://p/models",
        "bedrock-rft://p",
        "bedrock-rft://p/model?x=1",
        "bedrock-rft://a b/model",
    ],
)
def test_other_uris_are_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="bedrock-rft://<pipeline>/<kind>"):
        check_uri(urlsplit(uri))


def test_uris_are_normalised() -> None:
    assert check_uri(urlsplit("bedrock-rft://p/model/")).geturl() == "bedrock-rft://p/model"


@pytest.mark.parametrize(
    ("region", "domain"),
    [
        ("us-west-2", "us-west-2.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_consoles_of_every_partition(region: str, domain: str) -> None:
    for url in (
        function_url(region, "f", "3"),
        log_group_url(region, "/aws/lambda/f"),
        folder_url(region, "b", "a/b c"),
        parameter_url(region, "/bedrock-rft/p/champion"),
    ):
        assert urlsplit(url).netloc == domain
        assert " " not in url


def test_links_of_a_grader() -> None:
    urls = dict(grader_links("arn:aws:lambda:us-west-2:123456789012:function:g:7"))
    assert [url for url in urls.values() if "functions/g/versions/7" in url]
    assert [url for url in urls.values() if "$252Faws$252Flambda$252Fg" in url]
    assert not list(grader_links("no-arn"))


def test_a_dag_of_ours_survives_serialisation() -> None:
    from airflow.sdk import DAG
    from airflow.serialization import serialized_objects

    serializer = vars(serialized_objects).get("DagSerialization") or vars(serialized_objects)["SerializedDAG"]
    with DAG("d", schedule=None) as dag:
        upload = package.BedrockRftUploadDatasetOperator(task_id="u", dataset="x", outlets=[dataset_asset("d")])
        train = package.BedrockRftCreateJobOperator(task_id="t", model="m", dataset=upload.output, grader="g")
        gate = package.BedrockRftPromotionGateOperator(task_id="g", baseline=upload.output, candidate=train.output)
        gate >> package.BedrockRftPromoteModelOperator(task_id="p", gate=gate.output, outlets=[model_asset("d")])
        package.BedrockRftEvaluateModelOperator.partial(
            task_id="m", grader="g", dataset="d", artifacts_uri="s3://b/p"
        ).expand(model=["a", "b"])
    again = serializer.from_dict(json.loads(json.dumps(serializer.to_dict(dag))))
    assert again.get_task("g").inherits_from_skipmixin
    assert len(list(again.get_task("t").operator_extra_links)) == 4
