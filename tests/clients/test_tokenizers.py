from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_bedrock_rft.cli import main
from airflow_provider_bedrock_rft.clients.tokenizers import load_tokenizer
from airflow_provider_bedrock_rft.core.errors import InvalidInput

CLEAN = Path(__file__).parents[1] / "core" / "dataset" / "data" / "clean" / "word_problems.jsonl"


@pytest.fixture
def one_per_word(tmp_path: Path) -> Path:
    """A tokenizer file that makes one token of each word."""
    pytest.importorskip("tokenizers")
    words = {word for line in CLEAN.read_text().splitlines() for word in line.split()}
    path = tmp_path / "tokenizer.json"
    model = {"type": "WordLevel", "unk_token": "?", "vocab": {word: n for n, word in enumerate(["?", *sorted(words)])}}
    path.write_text(json.dumps({"version": "1.0", "pre_tokenizer": {"type": "WhitespaceSplit"}, "model": model,
                                "added_tokens": [], "normalizer": None, "post_processor": None, "decoder": None}))  # fmt: skip
    return path


def test_a_tokenizer_file_counts(one_per_word: Path) -> None:
    assert load_tokenizer(str(one_per_word))("How many is two and two?") == 6


def test_the_check_counts_with_it_instead_of_bounding(one_per_word: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limit = ["--max-prompt-tokens", "75", "--no-near", "--no-privacy"]
    main(["dataset", "check", str(CLEAN), *limit])
    assert "an upper bound, not counted" in capsys.readouterr().out
    main(["dataset", "check", str(CLEAN), *limit, "--tokenizer", str(one_per_word)])
    assert capsys.readouterr().out.splitlines()[-1] == "0 errors, 0 warnings, 0 notes"
    main(["dataset", "check", str(CLEAN), "--max-prompt-tokens", "30", "--tokenizer", str(one_per_word)])
    assert "tokens; the limit is 30" in capsys.readouterr().out


def test_statistics_are_exact_with_it(one_per_word: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "stats", str(CLEAN), "--format", "json", "--tokenizer", str(one_per_word)]) == 0
    assert json.loads(capsys.readouterr().out)["are_tokens_exact"]


@pytest.mark.parametrize("name", ["gone.json", "broken.json", "broken.tiktoken", "folder"])
def test_what_is_no_tokenizer_is_named(tmp_path: Path, name: str) -> None:
    if name == "broken.json":
        pytest.importorskip("tokenizers")
    (tmp_path / "folder").mkdir()
    for broken in ("broken.json", "broken.tiktoken"):
        (tmp_path / broken).write_text("{oops")
    with pytest.raises(InvalidInput, match=name.replace(".", r"\.")):
        load_tokenizer(str(tmp_path / name))


def test_a_bad_tokenizer_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "check", str(CLEAN), "--tokenizer", "/no/such/tokenizer.json"]) == 2
    assert "no tokenizer file" in capsys.readouterr().err
