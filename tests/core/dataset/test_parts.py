from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.dataset.length import notes_on_length, upper_bound
from airflow_provider_bedrock_rft.core.dataset.normal import gist, normalised, tokens
from airflow_provider_bedrock_rft.core.dataset.quota import QUOTAS, Requirements, Target
from airflow_provider_bedrock_rft.core.dataset.quota import Source as QuotaSource
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.dataset.source import EVALUATION, Source
from airflow_provider_bedrock_rft.core.errors import InvalidDataset
from airflow_provider_bedrock_rft.core.steps.dataset import PreparedDataset, prepare_dataset, upload_dataset_to_s3

CLEAN = Path(__file__).parent / "data" / "clean"


@pytest.mark.parametrize("target", list(Target))
def test_every_limit_names_its_source_and_date(target: Target) -> None:
    quota = QUOTAS[target]
    for source in (quota.records_source, quota.roles_source, quota.tools_source, quota.reference_source):
        assert isinstance(source, QuotaSource)
        assert source.url.startswith("https://")
        assert len(source.read_on.split("-")) == 3


def test_several_targets_are_met_by_the_strictest_of_each_rule() -> None:
    needs = Requirements.of([Target.MANTLE, Target.SAGEMAKER], max_prompt_tokens=100)
    assert (needs.allows_tools, needs.requires_reference, needs.max_prompt_tokens) == (False, True, 100)
    assert needs.roles == {"system", "user", "assistant"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000 apples", "1000 apples"),
        ("2.50 euros", "2.5 euros"),
        ("twenty-five shells", "25 shells"),
        ("two hundred five shells", "205 shells"),
        ("ТЕА for two", "tea for 2"),
        ("ｆｕｌｌ width", "FULL  width"),
        ("well known \u2013 “quoted”", 'well known - "quoted"'),
    ],
)
def test_texts_that_mean_the_same_have_the_same_tokens(one: str, other: str) -> None:
    assert tokens(normalised(one)) == tokens(normalised(other))


@pytest.mark.parametrize(("one", "other"), [("a + b", "a - b"), ("x < 3", "x > 3"), ("12 3", "123"), ("5 - 5", "5")])
def test_texts_that_differ_in_meaning_differ(one: str, other: str) -> None:
    assert tokens(normalised(one)) != tokens(normalised(other))


def test_the_gist_of_a_reference_is_its_last_number_or_its_text() -> None:
    assert gist("6 + 8 = 14\n#### 1,400.0") == "1400"
    assert gist("  Unsafe. ") == gist("unsafe")


def record(text: str) -> Record:
    return Record(record_id="a", messages=(Message(role="user", content=text),), reference="x")


def test_a_prompt_of_fewer_bytes_than_the_limit_is_never_counted() -> None:
    def fail(_: str) -> int:
        raise AssertionError

    assert notes_on_length(record("x" * 92), 100, fail) == []
    assert notes_on_length(record("word " * 100), 100, lambda text: len(text.split()) - 10) == []
    (note,) = notes_on_length(record("word " * 100), 100, lambda text: len(text.split()))
    assert note.message == "The prompt has 108 tokens; the limit is 100."


def test_the_bound_is_above_what_tokenizers_make() -> None:
    assert upper_bound("plain words here") >= 4
    assert upper_bound("中文") >= 2


def test_preparing_writes_all_or_nothing(tmp_path: Path) -> None:
    data = (CLEAN / "word_problems.jsonl").read_bytes()
    held_out = (CLEAN / "moderation.jsonl").read_bytes()
    sources = [Source.of_bytes(data, name="a"), Source.of_bytes(held_out, name="b", split=EVALUATION)]
    out = tmp_path / "train.jsonl"
    prepared, report = prepare_dataset(sources, out, tool_version="1")
    assert report.findings == ()
    assert prepared.manifest.n_records == out.read_bytes().count(b"\n") == 140
    assert [source.name for source in prepared.manifest.sources] == ["a", "b"]
    assert codec.load(PreparedDataset, json.loads(json.dumps(codec.dump(prepared)))) == prepared
    again, _ = prepare_dataset(sources, out, last_fingerprint=prepared.manifest.fingerprint)
    assert (prepared.is_unchanged, again.is_unchanged) == (False, True)
    before = out.read_bytes()
    with pytest.raises(InvalidDataset):
        prepare_dataset([Source.of_bytes(b"{}\n" + data, name="a")], out)
    assert out.read_bytes() == before
    assert list(tmp_path.iterdir()) == [out]


class Objects:
    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}

    def etag(self, uri: str) -> str | None:
        return "x" if uri in self.stored else None

    def put(self, uri: str, path: Path, *, on_progress: object = None) -> str:  # noqa: ARG002
        self.stored[uri] = path.read_bytes()
        return "x"


def test_equal_content_is_put_into_s3_once(tmp_path: Path) -> None:
    path, objects = tmp_path / "a.jsonl", Objects()
    path.write_bytes(b"{}\n")
    first, second = (upload_dataset_to_s3(objects, path, prefix="s3://b/d/") for _ in range(2))  # type: ignore[arg-type]
    assert (first.reused, second.reused) == (False, True)
    assert list(objects.stored) == [first.file_id] == [f"s3://b/d/{first.name}"]
