from __future__ import annotations

import sys
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.errors import InvalidGrader
from airflow_provider_bedrock_rft.core.grader.package import GraderSource, build_package
from airflow_provider_bedrock_rft.grading.source import read_source, split_spec
from airflow_provider_bedrock_rft.grading.workshop import keywords_of, pack, pack_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., str]

PLAIN = "def grade(completion, reference): return float(completion == reference)\n"
OURS = "airflow_provider_bedrock_rft/"


def own_files(source: GraderSource) -> set[str]:
    return {path for path in source.files if not path.startswith(OURS)}


@pytest.mark.parametrize(
    ("spec", "path", "name"),
    [
        ("a.py", "a.py", ""),
        ("a.py:f", "a.py", "f"),
        ("d/a.py:f", "d/a.py", "f"),
        ("C:/a.py", "C:/a.py", ""),
        ("p", "p", ""),
    ],
)
def test_a_spec_is_a_path_and_maybe_a_name(spec: str, path: str, name: str) -> None:
    assert split_spec(spec) == (type(split_spec(spec)[0])(path), name)


def test_a_plain_function_gets_an_entry_and_the_runtime_it_needs(grader_file: Write) -> None:
    source = read_source(grader_file(PLAIN))
    assert source.handler == "_rft_entry.lambda_handler"
    assert source.origin == "graded.py:grade"
    assert own_files(source) == {"graded.py", "_rft_entry.py"}
    assert f"{OURS}grading/handler.py" in source.files
    assert not any("library" in path or "contract" in path for path in source.files)
    assert source.requirements == ()


def test_a_handler_that_someone_wrote_is_left_as_it_is(grader_file: Write) -> None:
    source = read_source(grader_file("def lambda_handler(event, context): return []\n"))
    assert (source.handler, set(source.files)) == ("graded.lambda_handler", {"graded.py"})
    assert read_source(grader_file("def go(_event, _context): return []\n") + ":go").handler == "graded.go"


def test_what_stands_beside_it_and_is_imported_comes_along(grader_file: Write) -> None:
    code = "import parts\nfrom words.lists import BAD\nimport json, boto3\n" + PLAIN
    beside = {"parts": "import more\n", "more": "", "unused": "", "words/__init__": "", "words/lists": "BAD = 1\n"}
    path = grader_file(code, beside)
    assert own_files(read_source(path)) == {
        "graded.py", "_rft_entry.py", "parts.py", "more.py", "words/__init__.py", "words/lists.py",
    }  # fmt: skip


def test_a_package_folder_is_a_grader(grader_file: Write, tmp_path: Path) -> None:
    grader_file("", {"team/__init__": "from team.core import grade\n", "team/core": PLAIN})
    source = read_source(f"{tmp_path / 'team'}:grade")
    assert own_files(source) == {"team/__init__.py", "team/core.py", "_rft_entry.py"}
    assert b"from team import grade" in source.files["_rft_entry.py"]


def test_the_library_brings_its_pinned_requirements(grader_file: Write) -> None:
    code = "from airflow_provider_bedrock_rft.grading import text_similarity\n" + PLAIN
    (requirement,) = read_source(grader_file(code)).requirements
    assert requirement.startswith("rapidfuzz==")


def test_requirements_of_requirements_are_pinned_too(grader_file: Write) -> None:
    code = "from airflow_provider_bedrock_rft.grading import maths_equivalent\n" + PLAIN
    names = {requirement.partition("==")[0] for requirement in read_source(grader_file(code)).requirements}
    assert {"math-verify", "sympy", "mpmath", "antlr4-python3-runtime"} <= names


def test_code_that_is_run_in_a_cell_brings_the_cell(grader_file: Write) -> None:
    code = "from airflow_provider_bedrock_rft.grading import passes_tests\n" + PLAIN
    assert f"{OURS}grading/cell.py" in read_source(grader_file(code)).files


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("from airflow_provider_bedrock_rft.grading import rft_grader\ndef a(completion): ...\n@rft_grader\ndef b(completion): ...\n", "b"),
        ("def _help(completion): ...\ndef a(completion): ...\n", "a"),
        ("def a(completion): ...\ndef lambda_handler(event, context): ...\n", "lambda_handler"),
        ("def a(sample): ...\ndef b(x): ...\n", "a"),
    ],
)  # fmt: skip
def test_the_function_is_found_without_a_name(grader_file: Write, code: str, name: str) -> None:
    assert read_source(grader_file(code)).origin == f"graded.py:{name}"


@pytest.mark.parametrize(
    ("code", "suffix", "message"),
    [
        ("def a(completion): ...\ndef b(completion): ...\n", "", "several graders: a, b"),
        ("x = 1\n", "", "holds no grader"),
        (PLAIN, ":other", "no function 'other' at the top level; there are: grade"),
        ("def grade(:\n", "", "line 1 is not Python"),
        ("from airflow_provider_bedrock_rft.hooks import bedrock_rft\n" + PLAIN, "", "cannot import airflow_provider"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused(grader_file: Write, code: str, suffix: str, message: str) -> None:
    with pytest.raises(InvalidGrader, match=message):
        read_source(grader_file(code) + suffix)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidGrader, match=r"absent\.py.*cannot be read"):
        read_source(str(tmp_path / "absent.py"))


def test_a_requirement_that_is_neither_pinned_nor_installed_is_refused(grader_file: Write) -> None:
    with pytest.raises(InvalidGrader, match="neither pinned nor installed"):
        read_source(grader_file(PLAIN), requirements=["no-such-package-here"])
    assert read_source(grader_file(PLAIN), requirements=["no-such-package-here==1.0"]).requirements


def test_same_inputs_same_bytes_wherever_they_stand(tmp_path: Path) -> None:
    packages = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "graded.py").write_text(PLAIN)
        packages.append(build_package(read_source(str(tmp_path / folder / "graded.py"))))
    assert packages[0].sha256 == packages[1].sha256
    assert packages[0].fingerprint == packages[1].fingerprint


def test_the_order_of_files_does_not_count() -> None:
    files = {"a.py": b"1", "b.py": b"2"}
    sources = [
        GraderSource(origin="x", handler="a.h", files=dict(items))
        for items in (files.items(), list(files.items())[::-1])
    ]
    assert len({build_package(source).sha256 for source in sources}) == 1


def test_changed_inputs_change_the_fingerprint() -> None:
    base = {"origin": "x", "files": {"a.py": b"1"}, "handler": "a.h"}
    changes = [
        {},
        {"files": {"a.py": b"2"}},
        {"handler": "a.g"},
        {"requirements": ("x==1",)},
        {"python_version": "3.13"},
    ]
    assert len({GraderSource(**{**base, **change}).fingerprint for change in changes}) == len(changes)  # type: ignore[arg-type]
    assert GraderSource(**{**base, "origin": "y"}).fingerprint == GraderSource(**base).fingerprint  # type: ignore[arg-type]


def test_nothing_stray_gets_in() -> None:
    stray = {
        "__pycache__/a.pyc": b"",
        "x/__pycache__/b.pyc": b"",
        "d.dist-info/RECORD": b"",
        "bin/run": b"",
        ".git/HEAD": b"",
    }
    source = GraderSource(origin="x", files={"a.py": b"", **stray}, handler="a.h")
    package = build_package(source, {"lib/__init__.py": b"", "lib/fast.so": b"", **stray})
    with zipfile.ZipFile(BytesIO(package.zip_bytes)) as archive:
        assert archive.namelist() == ["a.py", "lib/__init__.py", "lib/fast.so"]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_package_too_large_for_lambda_is_refused() -> None:
    source = GraderSource(origin="big.py", files={"a.py": b""}, handler="a.h")
    with pytest.raises(InvalidGrader, match=r"big\.py: the package has 300 MB unpacked; Lambda takes 250 MB"):
        build_package(source, {"x": bytes(300 * 2**20)})


def test_a_file_that_hides_a_dependency_is_refused() -> None:
    source = GraderSource(origin="x", files={"json5.py": b""}, handler="a.h")
    with pytest.raises(InvalidGrader, match=r"json5\.py has the name"):
        build_package(source, {"json5.py": b"other"})


def test_what_was_built_once_is_taken_from_the_cache(tmp_path: Path) -> None:
    source = GraderSource(origin="x", files={"a.py": b"1"}, handler="a.h", requirements=("no-such-package-here==1.0",))
    kept = build_package(source, {"dep.py": b"2"})
    (tmp_path / f"{source.fingerprint}.zip").write_bytes(kept.zip_bytes)
    assert pack_source(source, tmp_path) == kept


def test_a_broken_cache_is_not_believed(tmp_path: Path) -> None:
    source = GraderSource(origin="x", files={"a.py": b"1"}, handler="a.h")
    (tmp_path / f"{source.fingerprint}.zip").write_bytes(b"half")
    assert pack_source(source, tmp_path) == build_package(source)


def test_a_grader_without_requirements_needs_no_cache(grader_file: Write, tmp_path: Path) -> None:
    package = pack(grader_file(PLAIN), cache=tmp_path / "never")
    assert package.runtime == f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert not (tmp_path / "never").exists()


def test_keywords_are_the_literals_a_grader_looks_for(grader_file: Write) -> None:
    code = '"""Not this."""\nWORDS = ["therefore", "a"]\n' + PLAIN.replace("return", '"""Nor this."""; return')
    assert keywords_of(read_source(grader_file(code))) == ["therefore"]
