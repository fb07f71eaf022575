"""Every kind of source, check, repair, split, description and import in a task, against a real emulator process."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

import airflow_provider_bedrock_rft as rft
from airflow_provider_bedrock_rft.assets import dataset_asset
from airflow_provider_bedrock_rft.core.dataset.fingerprint import content_name
from airflow_provider_bedrock_rft.core.errors import ResourceConflict, ResourceNotFound
from airflow_provider_bedrock_rft.core.steps.dataset import UploadedDataset, upload_dataset, upload_dataset_to_s3
from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook
from airflow_provider_bedrock_rft.hooks.transfers import TransferLog

BUCKET = "rft-datasets"
CLEAN = Path(__file__).parents[1] / "core" / "dataset" / "data" / "clean"
PROBLEMS = (CLEAN / "word_problems.jsonl").read_bytes()
RECORDS: list[dict[str, Any]] = [json.loads(line) for line in PROBLEMS.splitlines()]
GRADER = """
def grade(completion, reference):
    return float(completion.partition("####")[2].strip() == reference)
"""


@dataclass
class Shop:
    """A bucket, a folder, and a way to run one task."""

    folder: Path
    conn_id: str
    new_run: Any
    s3: Any
    runs: dict[str, Any] = field(default_factory=dict)

    def go(self, cls: Any, **fields: Any) -> Any:
        task = cls(task_id="t", aws_conn_id=self.conn_id, **fields)
        run = self.runs["last"] = self.new_run("t")
        result = task.execute(run.context(task))
        json.dumps(result, allow_nan=False)
        return result

    def store(self, key: str, data: bytes) -> str:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)
        return f"s3://{BUCKET}/{key}"

    def file(self, name: str, data: bytes) -> str:
        path = self.folder / f"f{uuid.uuid4().hex[:8]}_{name}"
        path.write_bytes(data)
        return str(path)

    def place(self) -> str:
        return f"s3://{BUCKET}/artifacts-{uuid.uuid4().hex[:8]}"

    @property
    def shown(self) -> dict[str, Any]:
        """What the last task pushed besides its result."""
        found: dict[str, Any] = self.runs["last"].ti.xcoms
        return found


@pytest.fixture(scope="module")
def shop(aws_conn_id: str, tmp_path_factory: pytest.TempPathFactory, new_run: Any) -> Shop:
    s3 = BedrockRftHook(aws_conn_id).session.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return Shop(tmp_path_factory.mktemp("datasets"), aws_conn_id, new_run, s3)


def lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


ROWS = [
    {
        "key": record["id"],
        "system": record["messages"][0]["content"],
        "question": record["messages"][1]["content"],
        "answer": record["reference_answer"],
        "kind": record["kind"],
    }
    for record in RECORDS
]
COLUMNS = {"prompt": "question", "reference": "answer", "system": "system", "record_id": "key"}


def table(kind: str) -> bytes:
    if kind == "parquet":
        import pyarrow as pa
        from pyarrow import parquet

        stream = io.BytesIO()
        parquet.write_table(pa.Table.from_pylist(ROWS), stream)
        return stream.getvalue()
    import csv

    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(ROWS[0]), delimiter="\t" if kind == "tsv" else ",")
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode()


def packed(name: str, data: bytes) -> bytes:
    if name.endswith(".gz"):
        return gzip.compress(data)
    if name.endswith(".zst"):
        import zstandard

        return zstandard.ZstdCompressor().compress(data)
    return data


KINDS = ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.csv", "a.tsv", "a.csv.gz", "a.parquet"]


@pytest.mark.parametrize("where", ["local", "s3"])
@pytest.mark.parametrize("name", KINDS)
def test_every_format_is_checked_and_uploaded_in_canonical_form(shop: Shop, name: str, where: str) -> None:
    kind = name.split(".")[1]
    data = packed(name, PROBLEMS if kind == "jsonl" else table(kind))
    place = shop.file(name, data) if where == "local" else shop.store(f"formats/{uuid.uuid4().hex[:8]}/{name}", data)
    columns = None if kind == "jsonl" else COLUMNS
    checked = shop.go(rft.BedrockRftCheckDatasetOperator, dataset=place, columns=columns)
    assert (checked["n_records"], checked["findings"].get("error", 0)) == (140, 0)
    uploaded = shop.go(rft.BedrockRftUploadDatasetOperator, dataset=place, columns=columns, artifacts_uri=shop.place())
    assert uploaded["n_records"] == 140
    (source,) = uploaded["manifest"]["sources"]
    assert source["name"] == place
    assert bool(source["version"]) == (where == "s3")
    assert uploaded["manifest"]["findings"].get("error", 0) == 0


def test_prefixes_and_lists_are_read_together(shop: Shop) -> None:
    half = PROBLEMS.splitlines(keepends=True)
    prefix = f"parts-{uuid.uuid4().hex[:8]}"
    shop.store(f"{prefix}/one.jsonl", b"".join(half[:50]))
    shop.store(f"{prefix}/deep/two.jsonl.gz", gzip.compress(b"".join(half[50:100])))
    rest = shop.file("three.jsonl", b"".join(half[100:]))
    found = shop.go(rft.BedrockRftCheckDatasetOperator, dataset=[f"s3://{BUCKET}/{prefix}/", rest])
    assert found["n_records"] == 140
    assert [file["path"] for file in shop.shown["report"]["files"]] == [
        f"s3://{BUCKET}/{prefix}/deep/two.jsonl.gz",
        f"s3://{BUCKET}/{prefix}/one.jsonl",
        rest,
    ]


def test_leakage_is_found_between_any_two_splits(shop: Shop) -> None:
    test, validation = shop.file("test.jsonl", lines(RECORDS[:3])), shop.file("validation.jsonl", lines(RECORDS[2:4]))
    with pytest.raises(AirflowFailException, match="leakage"):
        shop.go(
            rft.BedrockRftCheckDatasetOperator,
            dataset=shop.file("t.jsonl", lines(RECORDS[10:])),
            test=test,
            validation=[validation],
        )
    leaks = [each for each in shop.shown["report"]["findings"] if each["code"] == "leakage"]
    assert [(each["file"], each["line"], each["other_file"], each["other_line"]) for each in leaks] == [
        (test, 3, validation, 1)
    ]


def test_a_poisoned_dataset_is_refused_and_the_reason_is_shown(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    poisoned = shop.file("poisoned.jsonl", PROBLEMS + b"{oops}\n")
    with pytest.raises(AirflowFailException, match=r"poisoned\.jsonl:141.*malformed-json"):
        shop.go(rft.BedrockRftUploadDatasetOperator, dataset=poisoned)
    (finding,) = [each for each in shop.shown["report"]["findings"] if each["severity"] == "error"]
    assert (finding["code"], finding["line"]) == ("malformed-json", 141)
    assert finding["action"]
    logged = capfd.readouterr().out
    assert f"{poisoned}:141: error malformed-json" in logged
    assert "Findings: 1 error, 0 warnings, 0 notes." in logged


def bad_places(shop: Shop) -> dict[str, tuple[str, str]]:
    return {
        "a directory": (str(shop.folder), "cannot be read"),
        "nothing": ("/no/such/file.jsonl", "cannot be read"),
        "no object": (f"s3://{BUCKET}/no/such.jsonl", "There is no object"),
        "an empty prefix": (f"s3://{BUCKET}/no/such/", "no objects below"),
        "an empty file": (shop.file("empty.jsonl", b""), "no record"),
        "binary": (shop.file("image.jsonl", bytes(range(256)) * 40), "does not hold lines of UTF-8 text"),
        "cut gzip": (shop.file("cut.jsonl.gz", gzip.compress(PROBLEMS)[:-40]), "damaged"),
        "a bomb": (shop.store("bomb.jsonl.gz", gzip.compress(b" " * (100 << 20))), "compression-bomb"),
        "no column": (shop.file("a.csv", table("csv")), "no column 'prompt'"),
    }


@pytest.mark.parametrize("name", [
    "a directory", "nothing", "no object", "an empty prefix", "an empty file", "binary", "cut gzip", "a bomb", "no column",
])  # fmt: skip
def test_bad_input_is_one_clear_sentence(shop: Shop, name: str) -> None:
    place, sentence = bad_places(shop)[name]
    with pytest.raises(AirflowFailException, match=sentence):
        shop.go(rft.BedrockRftCheckDatasetOperator, dataset=place)


class ChangingObjects:
    """An object store in which somebody writes while we read."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def etag(self, _: str) -> str:
        return str(hash(self.data))

    def fetch(self, uri: str, path: Path, *, etag: str) -> None:
        if self.etag(uri) != etag:
            raise ResourceConflict("The object is another version now.")
        path.write_bytes(self.data[: len(self.data) // 2])
        self.data += b"{}\n"

    def get(self, uri: str) -> bytes:
        raise ResourceNotFound(uri)


def test_an_object_that_changes_while_it_is_read_is_refused(new_run: Any, fake_hook: Any) -> None:
    task: Any = rft.BedrockRftCheckDatasetOperator(task_id="t", dataset="s3://b/a.jsonl")
    task.hook = fake_hook(objects=ChangingObjects(PROBLEMS))
    with pytest.raises(AirflowFailException, match="changed-while-read"):
        task.execute(new_run("t").context(task))


def test_the_grader_is_run_on_every_reference(shop: Shop) -> None:
    grader = shop.file("grader.py", GRADER.encode()) + ":grade"
    shop.go(rft.BedrockRftCheckDatasetOperator, dataset=shop.file("a.jsonl", PROBLEMS), reference_grader=grader)
    picky = shop.file("picky.py", GRADER.replace("float(", "0.5 * float(").encode()) + ":grade"
    with pytest.raises(AirflowFailException, match=r"140 errors.*ungradable-reference"):
        shop.go(rft.BedrockRftCheckDatasetOperator, dataset=shop.file("a.jsonl", PROBLEMS), reference_grader=picky)


@pytest.mark.parametrize("where", ["local", "s3"])
def test_what_is_safe_is_mended_in_a_copy(shop: Shop, where: str) -> None:
    spoilt = b"\xef\xbb\xbf" + PROBLEMS.replace(b"\n", b"\r\n", 5) + b"\n" + PROBLEMS.splitlines(keepends=True)[4]
    original = shop.file("spoilt.jsonl", spoilt)
    copy = str(shop.folder / f"{uuid.uuid4().hex}.jsonl") if where == "local" else f"{shop.place()}/mended.jsonl"
    found = shop.go(rft.BedrockRftCheckDatasetOperator, dataset=original, fix_uri=copy)
    assert found["dataset"] == copy
    assert found["findings"] == {}
    assert Path(original).read_bytes() == spoilt
    assert shop.go(rft.BedrockRftCheckDatasetOperator, dataset=copy)["n_records"] == 140
    with pytest.raises(AirflowFailException, match="replace its own original"):
        shop.go(rft.BedrockRftCheckDatasetOperator, dataset=original, fix_uri=original)


@pytest.mark.parametrize("form", ["payload", "file"])
def test_a_split_leaves_out_what_teaches_nothing_and_orders_the_rest(shop: Shop, form: str) -> None:
    rewards = {record["id"]: [0.0, 0.25, 0.75, 1.0][n % 4] for n, record in enumerate(RECORDS)}
    rated = [{"sample_id": key, "mean": mean, "level": "x"} for key, mean in rewards.items()]
    uri = shop.store("difficulty.jsonl", lines(rated))
    readiness: object = {"kind": "rft.readiness", "version": 1, "difficulty_uri": uri} if form == "payload" else uri
    stored = shop.go(
        rft.BedrockRftSplitDatasetOperator,
        dataset=shop.file("all.jsonl.gz", gzip.compress(PROBLEMS)),
        artifacts_uri=shop.place(),
        fractions={"train": 0.5, "test": 0.5},
        readiness=readiness,
        order="curriculum",
    )
    assert sum(stored["n_records"].values()) == 70
    bucket, _, key = shop.shown["train"].removeprefix("s3://").partition("/")
    body = shop.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    seen = [rewards[json.loads(line)["id"]] for line in body.splitlines()]
    assert set(seen) == {0.25, 0.75}
    assert seen == sorted(seen, reverse=True)


def test_a_curriculum_without_a_readiness_report_is_refused(shop: Shop) -> None:
    with pytest.raises(AirflowFailException, match="needs to know how hard"):
        shop.go(
            rft.BedrockRftSplitDatasetOperator,
            dataset=shop.file("all.jsonl", PROBLEMS),
            artifacts_uri=shop.place(),
            order="curriculum",
        )


def test_a_dataset_is_described_with_a_page(shop: Shop) -> None:
    place = shop.place()
    found = shop.go(
        rft.BedrockRftDescribeDatasetOperator,
        dataset=shop.file("a.csv", table("csv")),
        columns=COLUMNS,
        artifacts_uri=place,
    )
    assert (found["kind"], found["n_records"]) == ("rft.dataset_statistics", 140)
    assert found["hints"]["steps_per_epoch"] == 31
    assert shop.shown["page"].startswith(f"{place}/datasets/statistics-")
    bucket, _, key = shop.shown["page"].removeprefix("s3://").partition("/")
    assert shop.s3.get_object(Bucket=bucket, Key=key)["Body"].read().count(b"<svg") == 3


def entry(number: int) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": [{"text": f"How many is {number} and {number}?"}]}]}
    reply = {"output": {"message": {"role": "assistant", "content": [{"text": f"It is {2 * number}."}]}}}
    return {
        "schemaType": "ModelInvocationLog",
        "timestamp": f"2026-11-{1 + number % 20:02}T10:00:00Z",
        "requestId": f"request-{number}",
        "modelId": "openai.gpt-oss-20b",
        "input": {"inputBodyJson": body},
        "output": {"outputBodyJson": reply},
        "requestMetadata": {"app": "tutor", "env": "dev" if number % 2 else "prod"},
    }


def test_invocation_logs_become_a_dataset_of_their_own(shop: Shop) -> None:
    prefix = f"logs-{uuid.uuid4().hex[:8]}/AWSLogs/123456789012/BedrockModelInvocationLogs"
    for number in range(3):
        entries = lines([entry(n) for n in range(100 * number, 100 * number + 100)])
        shop.store(f"{prefix}/us-west-2/2026/11/{number:02}/log.json.gz", gzip.compress(entries))
    found = shop.go(
        rft.BedrockRftImportInvocationLogsOperator,
        logs=f"s3://{BUCKET}/{prefix}/",
        artifacts_uri=shop.place(),
        metadata={"app": "tutor"},
        not_metadata={"env": ["dev", "test"]},
        models=["gpt-oss"],
        keep_completion="true",
    )
    assert (found["kind"], found["n_records"]) == ("rft.dataset_file", 150)
    assert found["counts"] == {"taken": 150, "filtered": 150}
    assert shop.shown["dataset"] == found["uri"]
    checked = shop.go(rft.BedrockRftCheckDatasetOperator, dataset=found, near=False)
    assert checked["n_records"] == 150
    with pytest.raises(AirflowFailException, match="No record was made"):
        shop.go(
            rft.BedrockRftImportInvocationLogsOperator,
            logs=f"s3://{BUCKET}/{prefix}/",
            artifacts_uri=shop.place(),
            since="2030-01-01",
        )


def test_the_language_is_compared_with_the_dataset_accepted_last(shop: Shop) -> None:
    place = shop.place()
    first = shop.go(rft.BedrockRftUploadDatasetOperator, dataset=shop.file("en.jsonl", PROBLEMS), artifacts_uri=place)
    assert first["manifest_uri"].startswith(f"{place}/datasets/rft-")
    chinese = shop.file("zh.jsonl", (CLEAN / "chinese.jsonl").read_bytes())
    shop.go(rft.BedrockRftCheckDatasetOperator, dataset=chinese, previous=first)
    assert "language-drift" in [each["code"] for each in shop.shown["report"]["findings"]]
    second = shop.go(rft.BedrockRftUploadDatasetOperator, dataset=chinese, artifacts_uri=place)
    assert second["manifest"]["findings_by_code"]["language-drift"] == 1
    third = shop.go(rft.BedrockRftUploadDatasetOperator, dataset=chinese, artifacts_uri=place)
    assert third["manifest"]["findings_by_code"] == {}
    assert third["reused"]


def test_the_asset_event_has_counts_and_fingerprint(shop: Shop) -> None:
    asset = dataset_asset("tutor")
    uploaded = shop.go(rft.BedrockRftUploadDatasetOperator, dataset=shop.file("a.jsonl", PROBLEMS), outlets=[asset])
    extra = shop.runs["last"].outlet_events[asset].extra
    assert extra["fingerprint"] == uploaded["fingerprint"]
    assert (extra["n_records"], extra["findings"], extra["trained_by"]) == (140, {}, "")


def test_progress_is_said_about_ten_times() -> None:
    said: list[str] = []
    log = TransferLog(1_000, said.append)
    for _ in range(100):
        log(10)
    assert len(said) == 10
    assert said[-1] == "Uploaded 1,000 of 1,000 bytes (100 %)."
    log(1_000)  # a client that starts again
    assert len(said) == 10


@pytest.mark.parametrize("plane", ["mantle", "native"])
def test_an_upload_says_how_far_it_is(shop: Shop, plane: str, capfd: pytest.CaptureFixture[str]) -> None:
    records = [{**record, "note": uuid.uuid4().hex * 40} for record in RECORDS]
    shop.go(
        rft.BedrockRftUploadDatasetOperator,
        dataset=shop.file("a.jsonl", lines(records)),
        plane=plane,
        artifacts_uri=shop.place(),
        near=False,
    )
    assert re.search(r"Uploaded ([\d,]+) of \1 bytes \(100 %\)\.", capfd.readouterr().out)


KILLED_ON_THE_WAY = """
import os, signal, sys
from pathlib import Path
from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session
from airflow_provider_bedrock_rft.core.steps.dataset import upload_dataset, upload_dataset_to_s3

url, path, prefix, limit = sys.argv[1:]
left = int(limit)

def tell(n_bytes):
    global left
    left -= n_bytes
    if left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)

session = Session(ClientConfig(region="us-west-2", endpoint_url=url))
if prefix:
    upload_dataset_to_s3(session.objects, Path(path), prefix=prefix, on_progress=tell)
else:
    upload_dataset(session.training, Path(path), on_progress=tell)
"""


@pytest.mark.parametrize("plane", ["mantle", "native"])
def test_a_killed_upload_leaves_nothing_visible_and_a_retry_finishes_it(shop: Shop, emulator: str, plane: str) -> None:
    size = 24 << 20 if plane == "native" else 2 << 20  # three parts of a multipart upload
    path = Path(shop.file("large.jsonl", uuid.uuid4().bytes + b"x" * size))
    prefix = shop.place() if plane == "native" else ""
    keys = {"AWS_ACCESS_KEY_ID": "AKIALOCALEMULATOR001", "AWS_SECRET_ACCESS_KEY": "local-emulator-secret"}
    command = [sys.executable, "-c", KILLED_ON_THE_WAY, emulator, str(path), prefix, str(size // 2)]
    killed = subprocess.run(command, check=False, env={**os.environ, **keys}, timeout=300)
    assert killed.returncode == -signal.SIGKILL

    hook = BedrockRftHook(shop.conn_id)
    name = content_name(hashlib.sha256(path.read_bytes()).hexdigest())
    if prefix:
        assert list(hook.objects.list(prefix)) == []
    else:
        assert name not in {file.name for file in hook.training.list_files()}

    def upload() -> UploadedDataset:
        return (
            upload_dataset_to_s3(hook.objects, path, prefix=prefix) if prefix else upload_dataset(hook.training, path)
        )

    first, second = upload(), upload()
    assert (first.reused, second.reused, first.file_id == second.file_id) == (False, True, True)
    assert first.size_bytes == path.stat().st_size
    if prefix:
        assert hook.objects.get(first.file_id) == path.read_bytes()
