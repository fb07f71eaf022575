from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, check_dataset
from airflow_provider_bedrock_rft.core.dataset.deep import DeepOptions, DeepPass
from airflow_provider_bedrock_rft.core.dataset.finding import FindingLog, Severity
from airflow_provider_bedrock_rft.core.dataset.jsonl import read_records, write_records
from airflow_provider_bedrock_rft.core.dataset.quota import Requirements, Target
from airflow_provider_bedrock_rft.core.dataset.report import report_json, report_lines
from airflow_provider_bedrock_rft.core.dataset.source import EVALUATION, Source
from airflow_provider_bedrock_rft.core.dataset.split import split_records
from airflow_provider_bedrock_rft.core.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_provider_bedrock_rft.core.dataset.record import Record

CLEAN = sorted((Path(__file__).parent / "data" / "clean").glob("*.jsonl"))
GSM8K = Path(__file__).resolve().parents[4] / "shared" / "data" / "gsm8k" / "train.jsonl"
SHALLOW = CheckOptions(deep=None)


@pytest.mark.parametrize("path", CLEAN, ids=[path.stem for path in CLEAN])
def test_clean_data_give_no_findings(path: Path) -> None:
    data = path.read_bytes()
    report = check_dataset([Source.of_bytes(data, name=path.name)])
    assert report.findings == ()
    assert not report.has_errors
    assert report.sha256 == hashlib.sha256(data).hexdigest()
    assert report.n_records == data.count(b"\n")


@pytest.mark.skipif(not GSM8K.exists(), reason="GSM8K lies beside the repository on some machines only")
def test_gsm8k_gives_no_findings() -> None:
    assert check_dataset([Source.of_bytes(GSM8K.read_bytes())]).findings == ()


@pytest.mark.parametrize("path", CLEAN, ids=[path.stem for path in CLEAN])
def test_clean_data_stay_clean_as_parts_compared_with_each_other(path: Path) -> None:
    import io

    records = list(read_records(io.BytesIO(path.read_bytes())))
    split = split_records(records, seed=5, fractions={"train": 0.85, "evaluation": 0.15})
    sources = []
    for name, part in split.parts.items():
        stream = io.BytesIO()
        write_records(part, stream)
        sources.append(Source.of_bytes(stream.getvalue(), name=name, split="train" if name == "train" else EVALUATION))
    report = check_dataset(sources)
    assert {finding.code for finding in report.findings} <= {"too-few-records"}


def test_a_line_that_never_ends_is_passed_by_in_bounded_memory() -> None:
    class Endless:
        """1 GB without a line break, made as it is read."""

        def __init__(self) -> None:
            self.left = 1 << 30

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def read(self, size: int, /) -> bytes:
            size = min(size, self.left)
            self.left -= size
            return b"x" * size

    import tracemalloc

    tracemalloc.start()
    report = check_dataset([Source(name="endless", open=Endless)], SHALLOW)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [finding.code for finding in report.findings] == ["too-few-records", "line-too-long"]
    assert peak < 64 * 1024 * 1024


def test_findings_are_capped_when_kept_but_not_when_counted() -> None:
    report = check_dataset([Source.of_bytes(b"{\n" * 1000)], CheckOptions(deep=None, max_kept_per_code=10))
    assert report.counts_by_code["malformed-json"] == 1000
    assert sum(finding.code == "malformed-json" for finding in report.findings) == 10
    lines = list(report_lines(report, max_per_code=3))
    assert sum("malformed-json" in line for line in lines) == 4
    assert "… and 997 more malformed-json" in lines


def test_the_first_error_is_named_when_a_dataset_is_refused() -> None:
    report = check_dataset([Source.of_bytes(b"[]\n", name="train.jsonl")])
    with pytest.raises(InvalidDataset, match=r"has 2 errors; the first: train\.jsonl") as caught:
        report.raise_for_errors()
    assert caught.value.details["n_errors"] == 2


def test_the_json_report_has_its_schema() -> None:
    data = b'{"messages": []}\n{"messages": []}\n'
    report = check_dataset([Source.of_bytes(data, name="a.jsonl")])
    found = json.loads(json.dumps(report_json(report)))
    assert found["schema"] == "dataset-check/1"
    assert found["files"] == [{"path": "a.jsonl", "records": 0, "sha256": hashlib.sha256(data).hexdigest()}]
    assert found["counts"] == {"error": 3, "warning": 2, "info": 0}
    assert set(found["findings"][0]) == {
        "code", "severity", "file", "line", "other_file", "other_line", "field", "message", "action",
    }  # fmt: skip
    assert len(found["findings"]) == 5
    assert len(report_json(report, max_findings=2)["findings"]) == 2  # type: ignore[arg-type]


def test_beyond_what_is_compared_only_nearness_is_left_out(clean_files: dict[str, Path]) -> None:
    lines = clean_files["word_problems"].read_bytes().splitlines(keepends=True)
    record = json.loads(lines[3])
    shouted = {
        **record,
        "id": "shouted",
        "messages": [{**turn, "content": turn["content"].upper()} for turn in record["messages"]],
    }
    leaky = {**record, "id": "leaky", "note": "ask rosa.lind@fabrikam.io"}
    data = b"".join(lines[10:]) + json.dumps(shouted).encode() + b"\n" + json.dumps(leaky).encode() + b"\n"
    sources = [Source.of_bytes(data, name="train"), Source.of_bytes(lines[3], name="test", split="test")]
    found = {}
    for limit in (1_000, 20):
        log = FindingLog()
        DeepPass(options=DeepOptions(), needs=Requirements.of([Target.MANTLE]), log=log, max_near_records=limit).run(
            sources
        )
        found[limit] = sorted(finding.code for finding in log.kept)
        assert "leakage" in check_dataset(sources, SHALLOW).counts_by_code  # equality knows no limit
    assert "near-duplicate" in found[1_000]
    assert found[20] == ["check-skipped", "personal-data"]


def test_the_grader_must_score_references_at_the_top(clean_files: dict[str, Path]) -> None:
    def score(pairs: Sequence[tuple[Record, str]]) -> list[float | str]:
        def one(record: Record, completion: str) -> float | str:
            if record.record_id == "wp-005":
                return "The grader raised KeyError."
            return float(record.record_id != "wp-009" and completion == f"#### {record.reference}")

        return [one(*pair) for pair in pairs]

    options = CheckOptions(deep=DeepOptions(score=score))
    report = check_dataset([Source.of_bytes(clean_files["word_problems"].read_bytes())], options)
    assert [(each.code, each.place.line) for each in report.findings] == [
        ("grader-failed", 5),
        ("ungradable-reference", 9),
    ]


def test_language_drift_is_found_between_scripts_and_between_languages(clean_files: dict[str, Path]) -> None:
    def profile_of(data: bytes) -> Any:
        return check_dataset([Source.of_bytes(data)], CheckOptions(deep=DeepOptions(profiles_language=True))).language

    def codes(data: bytes, previous: Any) -> set[str]:
        options = CheckOptions(deep=DeepOptions(previous_language=previous))
        return {each.code for each in check_dataset([Source.of_bytes(data)], options).findings}

    english = clean_files["word_problems"].read_bytes()
    french = english
    for one, other in {
        "How many": "Combien de", "has": "possède", "and": "puis", "does": "est-ce que", "have": "reste-t-il",
        "the": "les", "buys": "achète", "more at": "encore chez", "now": "maintenant", "Work it out step by step": "Réfléchissez par étapes",
        "then write": "ensuite écrivez", "number after": "nombre derrière", "crate holds": "caisse contient", "fills": "remplit",
        "crates for": "caisses pour", "school sale": "vente scolaire", "are packed in all": "sont emballés ensemble", "collected": "ramassé",
        "but lost": "mais perdu", "of them on": "parmi eux sur", "way home": "chemin du retour", "are left": "restent encore",
        "shares": "partage", "equally among": "également entre", "friends": "amis", "each friend get": "chaque ami reçoit",
        "It takes": "Il faut", "minutes to sort one box of": "minutes pour trier une boîte contenant", "take": "prennent",
        "On Monday": "Lundi", "sells": "vend", "on Tuesday twice as many": "mardi deux fois plus", "on Wednesday": "mercredi", "are sold in": "sont vendus pendant",
        "three days": "trois jours",
    }.items():  # fmt: skip
        french = french.replace(one.encode(), other.encode())
    assert "language-drift" in codes(clean_files["chinese"].read_bytes(), profile_of(english))
    assert "language-drift" in codes(french, profile_of(english))
    assert "language-drift" not in codes(clean_files["moderation"].read_bytes(), profile_of(english))
    assert "language-drift" not in codes(english, profile_of(english))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.lists(st.binary(max_size=80), max_size=6), seed=st.integers(0, 999))
def test_whatever_the_bytes_the_check_reports_and_never_raises(
    garbage: list[bytes], seed: int, word_problems: list[dict[str, Any]]
) -> None:
    lines = [json.dumps(record).encode() for record in word_problems]
    for piece in garbage:
        lines.insert(random.Random(seed).randrange(len(lines)), piece)
    report = check_dataset([Source.of_bytes(b"\n".join(lines))], SHALLOW)
    assert report.n_records <= len(lines) + sum(piece.count(b"\n") for piece in garbage)
    for finding in report.findings:
        assert finding.severity in Severity
        assert str(finding)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["messages", "role", "content", "id", "tools", "reference_answer", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_the_json_the_check_reports_and_never_raises(value: object) -> None:
    for target in ("mantle", "sagemaker"):
        data = json.dumps(value).encode() + b"\n"
        report = check_dataset([Source.of_bytes(data)], CheckOptions(targets=(Target(target),), deep=None))
        assert report.findings
