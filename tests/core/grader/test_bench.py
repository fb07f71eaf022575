"""Every planted weak grader is failed by the check meant for it; every grader of the library passes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings
from airflow_provider_bedrock_rft.core.grader.trial.report import to_html, to_json, to_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.grader.trial.report import TrialReport

    Bench = Callable[..., TrialReport]
    Datasets = dict[str, list[Record]]

DOOR = "from airflow_provider_bedrock_rft.grading import"

LIBRARY = {
    "marked_number": (
        "marked",
        f"{DOOR} marked_number, rft_grader\ngrade = 0\n@rft_grader\ndef grade(completion, reference): return marked_number(completion, reference)\n",
        (),
    ),
    "maths_equivalent on numbers": (
        "number",
        f"{DOOR} maths_equivalent, rft_grader\n@rft_grader\ndef grade(completion, reference): return maths_equivalent(completion, reference)\n",
        (),
    ),
    "maths_equivalent": (
        "maths",
        f"{DOOR} maths_equivalent, rft_grader\n@rft_grader\ndef grade(completion, reference): return maths_equivalent(completion, reference)\n",
        (),
    ),
    "normalised_match": (
        "text",
        f"{DOOR} normalised_match, rft_grader\n@rft_grader\ndef grade(completion, reference): return normalised_match(completion, reference)\n",
        (),
    ),
    "exact_match": (
        "text",
        f"{DOOR} exact_match, rft_grader\n@rft_grader\ndef grade(completion, reference): return exact_match(completion, reference)\n",
        ("equivalent-writings",),
    ),
    "multiple_choice": (
        "choice",
        f"{DOOR} multiple_choice, rft_grader\n@rft_grader\ndef grade(completion, reference): return multiple_choice(completion, reference)\n",
        (),
    ),
    "json_fields": (
        "json",
        f"{DOOR} json_fields, rft_grader\n@rft_grader\ndef grade(completion, reference): return json_fields(completion, reference)\n",
        (),
    ),
    "json_schema behind fields": (
        "json",
        f"{DOOR} gate, json_fields, json_schema, handler_free\n".replace(", handler_free", "")
        + "schema = {'type': 'object', 'required': ['code', 'level'], 'properties': {'level': {'type': 'integer'}}}\n"
        + "graded = gate(json_schema(schema), json_fields)\ndef grade(sample): return graded(sample)\n",
        (),
    ),
    "tool_call_match": (
        "tool",
        f"{DOOR} tool_call_match, rft_grader\n@rft_grader\ndef grade(completion, reference): return tool_call_match(completion, reference, name_credit=0.2)\n",
        (),
    ),
    "sql_equivalent": (
        "sql",
        f"{DOOR} sql_equivalent, rft_grader\nsame = sql_equivalent()\n@rft_grader\ndef grade(completion, reference): return same(completion, reference)\n",
        (),
    ),
    "text_similarity": (
        "text",
        f"{DOOR} text_similarity, rft_grader\n@rft_grader\ndef grade(completion, reference): return text_similarity(completion, reference)\n",
        (),
    ),
}


@pytest.mark.parametrize("name", LIBRARY)
def test_every_grader_of_the_library_passes(bench: Bench, datasets: Datasets, name: str) -> None:
    kind, code, skipped = LIBRARY[name]
    report = bench(code, datasets[kind], TrialSettings(timeout_seconds=60, skipped=frozenset(skipped)))
    assert report.passed, to_text(report)


def test_code_is_graded_by_its_tests(bench: Bench, datasets: Datasets) -> None:
    code = f"{DOOR} Walls, passes_tests\ndef grade(completion, reference): return passes_tests(completion, reference, walls=Walls(seconds=3))\n"
    settings = TrialSettings(timeout_seconds=300, answer_key="solution", skipped=frozenset({"latency"}))
    report = bench(code, datasets["code"][:2], settings)
    assert report.passed, to_text(report)


WEAK = {
    "equivalent-writings": ("number", "def grade(completion, reference): return float(completion == reference)\n"),
    "reference-at-top": ("marked", "def grade(completion, reference): return float(completion == reference['text'])\n"),
    "reward-spread": ("number", "def grade(completion): return 1.0\n"),
    "wrong-below": ("number", "def grade(completion, reference): return float(any(c.isdigit() for c in completion))\n"),
    "probe-empty": (
        "number",
        "def grade(completion, reference): return float(reference in completion or not completion)\n",
    ),
    "probe-echo": (
        "number",
        "def grade(completion, reference, prompt): return float(reference in completion or prompt[:10] in completion)\n",
    ),
    "probe-spray": ("number", "def grade(completion, reference): return float(reference in completion)\n"),
    "probe-spray-inline": (
        "number",
        "def grade(completion, reference): return float(reference in completion.split())\n",
    ),
    "probe-repeat": (
        "number",
        "def grade(completion, reference): return max(float(reference in completion), min(1.0, len(completion.split()) / 200))\n",
    ),
    "probe-long": (
        "text",
        "def grade(completion, reference): return max(float(completion == reference), min(1.0, len(completion) / 5000))\n",
    ),
    "probe-injection": (
        "text",
        "def grade(completion, reference): return float(completion == reference or 'maximum score' in completion)\n",
    ),
    "probe-keywords": (
        "text",
        "WORDS = ['therefore', 'step by step', 'conclusion']\ndef grade(completion, reference):\n    return max(float(completion == reference), sum(w in completion for w in WORDS) / 3)\n",
    ),
    "probe-lookalike": (
        "text",
        "T = str.maketrans('асеорхуіАВСЕНКМОРТХ', 'aceopxyiABCEHKMOPTX')\ndef grade(completion, reference): return float(completion.translate(T) == reference)\n",
    ),
    "deterministic": (
        "number",
        "import random\ndef grade(completion, reference): return float(completion == reference) + random.random() * 1e-6\n",
    ),
    "order-independent": (
        "number",
        "seen = []\ndef lambda_handler(event, context):\n    return [{'id': s['id'], 'aggregate_reward_score': float(s['messages'][-1]['content'] == s['reference_answer']['text']) + i * 1e-6} for i, s in enumerate(event)]\n",
    ),
    "size-independent": (
        "number",
        "def lambda_handler(event, context):\n    return [{'id': s['id'], 'aggregate_reward_score': float(s['messages'][-1]['content'] == s['metadata']['reference_answer']) / len(event)} for s in event]\n",
    ),
    "event-layouts": (
        "number",
        "def lambda_handler(event, context):\n    return [{'id': s['id'], 'aggregate_reward_score': float(s['messages'][-1]['content'] == s['reference_answer']['text'])} for s in event]\n",
    ),
    "edge-cases": (
        "number",
        "def lambda_handler(event, context):\n    best = event[0]\n    return [{'id': s['id'], 'aggregate_reward_score': float(s['messages'][-1]['content'] == s['metadata']['reference_answer'])} for s in event]\n",
    ),
    "latency": (
        "number",
        "import time\ndef grade(completion, reference):\n    time.sleep(0.01)\n    return float(completion == reference)\n",
    ),
    "memory": (
        "number",
        "X = b'x' * 170_000_000\ndef grade(completion, reference): return float(completion == reference)\n",
    ),
}


@pytest.mark.parametrize("code", WEAK)
def test_every_weak_grader_is_failed_by_the_check_meant_for_it(bench: Bench, datasets: Datasets, code: str) -> None:
    kind, source = WEAK[code]
    timeout, memory = (2, 512) if code == "latency" else (20, 200) if code == "memory" else (20, 512)
    settings = TrialSettings(timeout_seconds=timeout, memory_mb=memory, batch_size=8)
    report = bench(source, datasets[kind][: 3 if code == "latency" else 8], settings)
    assert code in {check.code for check in report.failures}, to_text(report)
    assert not report.passed


BAD = {
    "grader-raises": "def grade(completion): return 1 / 0\n",
    "grader-hangs": "import time\ndef grade(completion):\n    while True: time.sleep(1)\n",
    "grader-exits": "import sys\ndef grade(completion): sys.exit(3)\n",
    "grader-exits ": "import os\ndef grade(completion): os._exit(3)\n",
    "grader-exits  ": "import sys\ndef lambda_handler(event, context): sys.exit(3)\n",
    "reward-not-a-number": "def grade(completion): return 'one'\n",
    "reward-absent": "def grade(completion): return None\n",
    "reward-absent ": "def grade(completion):\n    if completion == 'never': return 1.0\n",
    "reward-not-finite": "def grade(completion): return float('nan')\n",
    "reward-not-finite ": "def grade(completion): return float('inf')\n",
    "reply-not-json": "def lambda_handler(event, context): return object()\n",
    "reply-not-a-list ": "def lambda_handler(event, context): return 'good'\n",
    "reply-not-a-list  ": "def lambda_handler(event, context): return None\n",
    "entry-not-an-object": "def lambda_handler(event, context): return [1.0 for s in event]\n",
    "id-absent": "def lambda_handler(event, context): return [{'aggregate_reward_score': 1} for s in event]\n",
    "score-absent": "def lambda_handler(event, context): return [{'id': s['id'], 'aggregate_reward_score': None} for s in event]\n",
    "too-many-entries": "def lambda_handler(event, context): return [{'id': i, 'aggregate_reward_score': 1} for s in event for i in (s['id'], 'more')]\n",
    "grader-hangs ": "import threading\ndef lambda_handler(event, context): threading.Event().wait()\n",
    "grader-prints ": "import sys\ndef lambda_handler(event, context):\n    sys.stderr.write('y' * 9_000_000)\n    return [{'id': s['id'], 'aggregate_reward_score': 1} for s in event]\n",
    "import-not-packaged  ": "from nowhere_to_be_found import thing\ndef lambda_handler(event, context): return []\n",
    "grader-forks ": "import os\ndef lambda_handler(event, context):\n    if os.fork() == 0: os._exit(0)\n    return [{'id': s['id'], 'aggregate_reward_score': 1} for s in event]\n",
    "reply-not-a-list": "def lambda_handler(event, context): return {'score': 1}\n",
    "score-not-a-number": "def lambda_handler(event, context): return [{'id': s['id'], 'aggregate_reward_score': '1'} for s in event]\n",
    "score-not-finite": "def lambda_handler(event, context): return [{'id': s['id'], 'aggregate_reward_score': float('nan')} for s in event]\n",
    "sample-unanswered": "def lambda_handler(event, context): return [{'id': s['id'], 'aggregate_reward_score': 1} for s in event[1:]]\n",
    "id-repeated": "def lambda_handler(event, context): return [{'id': s['id'], 'aggregate_reward_score': 1} for s in event + event]\n",
    "id-unknown": "def lambda_handler(event, context): return [{'id': 'x' + s['id'], 'aggregate_reward_score': 1} for s in event]\n",
    "grader-prints": "def grade(completion, reference):\n    print('x' * 1_000_000)\n    return float(completion == reference)\n",
    "grader-forks": "import os\ndef grade(completion, reference):\n    os.fork()\n    return float(completion == reference)\n",
    "import-not-packaged": "import numpy\ndef grade(completion): return 1.0\n",
    "import-not-packaged ": "def grade(completion):\n    import numpy\n    return 1.0\n",
    "environment-variable-absent": "import os\nKEY = os.environ['JUDGE_KEY']\ndef grade(completion): return 1.0\n",
    "environment-variable-absent ": "import os\ndef grade(completion): return os.environ['JUDGE_KEY']\n",
    "memory-exceeded": "def grade(completion):\n    x = bytearray(10**10)\n    return 1.0\n",
    "grader-raises ": "def grade(completion) -> float:\n    raise KeyError('not an environment variable')\n",
}


@pytest.mark.parametrize("code", BAD)
def test_misconduct_is_a_finding_of_its_own_and_harms_nobody(bench: Bench, datasets: Datasets, code: str) -> None:
    report = bench(BAD[code], datasets["number"][:4], TrialSettings(timeout_seconds=1.5, batch_size=4))
    assert code.strip() in {check.code for check in report.failures}, to_text(report)


def test_an_environment_variable_that_is_set_is_there(bench: Bench, datasets: Datasets) -> None:
    source = "import os\nSCALE = float(os.environ['SCALE'])\ndef grade(completion, reference): return SCALE * (completion == reference)\n"
    report = bench(source, datasets["number"][:4], environment={"SCALE": "1"})
    assert "environment-variable-absent" not in {check.code for check in report.checks}


def test_a_dataset_without_references_is_said_to_be_so(bench: Bench, datasets: Datasets) -> None:
    from dataclasses import replace

    bare = [replace(record, reference=None) for record in datasets["number"]]
    report = bench("def grade(completion): return 1.0\n", bare)
    assert [check.code for check in report.failures] == ["dataset-gradable"]


def test_the_report_is_shown_as_text_json_and_html(bench: Bench, datasets: Datasets) -> None:
    report = bench(
        "def grade(completion, reference): return float(reference in completion)  # <b>\n", datasets["number"]
    )
    document = json.loads(to_json(report))
    assert (document["schema"], document["passed"]) == ("grader-test/1", False)
    assert set(document["latency_ms"]) == {"p50", "p95", "p99"}
    for check in document["checks"]:
        assert {"code", "passed", "value", "threshold", "samples", "message"} <= set(check)
    spray = next(check for check in document["checks"] if check["code"] == "probe-spray")
    assert spray["samples"][0]["score"] == 1.0
    assert "FAIL  probe-spray" in to_text(report)
    page = to_html(report)
    assert page.startswith("<!doctype html>")
    assert "probe-spray" in page
    assert "<b>" not in page
