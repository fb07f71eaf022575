"""The routes as browsers see them: who gets in, and what bad input gets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.codec import canonical_json, dump
from airflow_provider_bedrock_rft.core.errors import ConnectionLost
from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun, ScoredCompletion
from airflow_provider_bedrock_rft.core.promotion.rollout import ChampionEntry, to_value
from airflow_provider_bedrock_rft.plugin.app import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    Browser = Callable[..., TestClient]

pytestmark = [pytest.mark.airflow, pytest.mark.usefixtures("world")]

OPERATORS = {
    "train": "BedrockRftCreateJobOperator",
    "evaluate_base": "BedrockRftEvaluateModelOperator",
    "evaluate_tuned": "BedrockRftEvaluateModelOperator",
    "gate": "BedrockRftPromotionGateOperator",
    "promote": "BedrockRftPromoteModelOperator",
}
ATTACK = "<script>document.title='owned'</script>"
ROUTES = [
    "/api/pipelines",
    "/api/dags/tutor/runs",
    "/api/dags/tutor/pulse",
    "/api/dags/tutor/answers?run_id=first&task_id=evaluate_tuned",
    "/api/dags/tutor/evaluators?run_id=first",
    "/api/dags/tutor/run?run_id=first",
    "/api/dags/tutor/curve?run_id=first&task_id=train",
    "/api/dags/tutor/comparison?run_id=first",
    "/api/dags/tutor/questions?run_id=first",
    "/api/dags/tutor/details?run_id=first",
    "/api/dags/tutor/samples?run_id=first",
    "/api/dags/tutor/lineage?run_id=first",
    "/frame",
    "/frame/tutor",
    "/frame/tutor?run_id=first",
]


def evaluation(model: str, **fields: Any) -> dict[str, object]:
    run = EvaluationRun(
        model=model,
        grader_arn="arn:aws:lambda:us-west-2:123456789012:function:g:1",
        uri=f"s3://bucket/{model}.jsonl",
        prompts_fingerprint="same",
        n_samples=12,
        completions_per_sample=1,
        mean=None,
        n_requests=12,
        n_truncated=0,
        n_grader_errors=0,
        prompt_tokens=10,
        completion_tokens=10,
        median_latency_ms=1.0,
        **fields,
    )
    return dump(run)


def completions(score: Callable[[int], float], text: str) -> bytes:
    lines = (
        ScoredCompletion(sample_id=f"s{n:02}", index=0, score=score(n), completion=text, slice={"kind": f"k{n % 2}"})
        for n in range(12)
    )
    return b"".join(canonical_json(line) + b"\n" for line in lines)


def gate(**fields: object) -> dict[str, object]:
    return {
        "kind": "rft.gate", "version": 1, "verdict": "promote", "summary": f"promote: {ATTACK}", "reasons": [ATTACK],
        "pipeline": "tutor", "baseline_model": "base", "candidate_model": "tuned", "champion_model": "",
        "n_samples": 12, "n_wins": 8, "n_losses": 2, "baseline": None, "candidate": None, "difference": None,
        "p_value": None, "test": "exact McNemar", "alpha": 0.05, "needs_approval": False,
        "comparison_fingerprint": "f", **fields,
    }  # fmt: skip


CHAMPION = ChampionEntry(
    number=1, pipeline="tutor", model="tuned", action="promote", promotion_id="first", actor="a", reason=ATTACK, at=1.0
)


@pytest.fixture
def world(rows: Any, services: Any) -> Any:
    """Two pipelines with a run each, a DAG that is none of ours, and one that is gone."""
    for dag_id in ("tutor", "secret"):
        rows.dag(dag_id, OPERATORS, compressed=dag_id == "secret")
        number = rows.run(dag_id, "first")
        add_tasks(rows, dag_id, "first", number)
    rows.dag("other", {"copy": "BashOperator"})
    rows.dag("gone", OPERATORS, is_stale=True)
    services.train("job-1", n_steps=50)
    services.files["s3://bucket/base.jsonl"] = completions(lambda n: float(n % 3 == 0), ATTACK)
    services.files["s3://bucket/tuned.jsonl"] = completions(lambda n: float(n % 3 != 1), "plain")
    services.values["/bedrock-rft/tutor/champion"] = services.values["/bedrock-rft/tutor/history/000001"] = to_value(
        CHAMPION
    )
    return rows


def add_tasks(rows: Any, dag_id: str, run_id: str, number: int) -> None:
    made = {
        "train": {"job_id": "job-1"},
        "evaluate_base": {"return_value": evaluation("base")},
        "evaluate_tuned": {"return_value": json.dumps(evaluation("tuned"))},
        "gate": {"return_value": gate()},
        "promote": {"return_value": dump(CHAMPION)},
    }
    for task_id, outputs in made.items():
        rendered = {"aws_conn_id": "rendered", "region_name": None} if task_id == "train" else None
        rows.task(dag_id, run_id, task_id, OPERATORS[task_id], number=number, outputs=outputs, rendered=rendered)


def statuses(browser: TestClient, extra: str = "") -> dict[str, int]:
    return {route: browser.get(f"{route}{'&' if '?' in route else '?'}{extra}").status_code for route in ROUTES}


@pytest.mark.parametrize("extra", ["", "user=admin"])
def test_nobody_sees_anything_without_signing_in(client: Browser, extra: str) -> None:
    assert statuses(client(), extra) == dict.fromkeys(ROUTES, 401)


def test_a_user_without_a_role_is_refused(client: Browser) -> None:
    assert statuses(client("nobody", role=None)) == dict.fromkeys(ROUTES, 403)


def test_what_is_handed_on_needs_the_right_to_read_it(client: Browser) -> None:
    assert statuses(client("without_xcoms")) == dict.fromkeys(ROUTES, 403)


def test_a_viewer_is_served_and_nothing_is_kept_by_the_browser(client: Browser) -> None:
    viewer = client("viewer")
    assert statuses(viewer) == dict.fromkeys(ROUTES, 200)
    assert {viewer.get(route).headers["cache-control"] for route in ROUTES} == {"no-store"}


def test_a_dag_that_the_user_may_not_read_is_refused(client: Browser) -> None:
    only_tutor = client("only_tutor")
    for route in (route for route in ROUTES if "tutor" in route):
        other = route.replace("tutor", "secret")
        assert only_tutor.get(route).status_code == 200
        assert only_tutor.get(other).status_code == 403
        assert only_tutor.get(f"{other}{'&' if '?' in other else '?'}dag_id=tutor").status_code == 403


def test_lists_do_not_tell_of_what_the_user_may_not_read(client: Browser) -> None:
    listed = client("only_tutor").get("/api/pipelines").json()
    assert (listed["total"], [one["dag_id"] for one in listed["items"]]) == (1, ["tutor"])
    assert "secret" not in client("only_tutor").get("/frame").text
    assert client("viewer").get("/api/pipelines").json()["total"] == 2


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_written(client: Browser, method: str) -> None:
    admin = client("admin", role="admin")
    assert {getattr(admin, method)(route).status_code for route in ROUTES} == {405}


@pytest.mark.parametrize(
    "route",
    [
        "/api/pipelines?limit=0",
        "/api/pipelines?limit=100000",
        "/api/pipelines?offset=-1",
        "/api/pipelines?state=sleeping",
        "/api/pipelines?sort=price",
        f"/api/pipelines?search={'x' * 300}",
        "/api/dags/tutor/run",
        "/api/dags/tutor/curve?run_id=first",
        "/api/dags/tutor/curve?run_id=first&task_id=train&points=1",
        "/api/dags/tutor/samples?run_id=first&outcome=draws",
        "/api/dags/tutor/samples?run_id=first&limit=many",
        "/api/dags/tutor/answers?run_id=first",
        "/api/dags/tutor/answers?run_id=first&task_id=evaluate_tuned&order=random",
        "/api/dags/tutor/curve?run_id=first&task_id=train&first=-1&last=9",
    ],
)
def test_an_address_that_cannot_be_read_is_refused(client: Browser, route: str) -> None:
    assert client("viewer").get(route).status_code == 422


@pytest.mark.parametrize("route", [route for route in ROUTES if "run_id=first" in route])
def test_a_run_that_was_deleted_is_not_there(client: Browser, route: str) -> None:
    assert client("viewer").get(route.replace("first", "deleted")).status_code == 404


@pytest.mark.parametrize("dag_id", ["other", "gone", "absent", "~", "..%2F..%2Fetc", "%27%20OR%201=1"])
def test_a_dag_without_tasks_of_ours_is_not_there(client: Browser, dag_id: str) -> None:
    assert client("viewer").get(f"/api/dags/{dag_id}/runs").status_code == 404


def test_pipelines_are_searched_filtered_and_paged(client: Browser, world: Any) -> None:
    world.dag("never_ran", OPERATORS)
    world.dag("busy", OPERATORS)
    world.run("busy", "now", state="running")
    viewer = client("viewer")

    def names(query: str) -> list[str]:
        return [one["dag_id"] for one in viewer.get(f"/api/pipelines?{query}").json()["items"]]

    assert names("sort=name") == ["busy", "never_ran", "secret", "tutor"]
    assert names("") == ["busy", "secret", "tutor", "never_ran"]
    assert names("search=TUT") == ["tutor"]
    assert names("state=running") == ["busy"]
    assert names("state=none") == ["never_ran"]
    assert names("sort=name&offset=1&limit=2") == ["never_ran", "secret"]


def test_the_overview_tells_of_champion_score_and_decision(client: Browser) -> None:
    line = client("viewer").get("/api/pipelines?search=tutor").json()["items"][0]
    assert line["champion"]["model"] == "tuned"
    assert line["runs"][0]["verdict"] == "promote"
    assert line["runs"][0]["promoted"] == "tuned"


def test_the_curve_comes_through_the_tasks_own_connection(client: Browser, services: Any) -> None:
    curve = client("viewer").get("/api/dags/tutor/curve?run_id=first&task_id=train&points=20").json()
    reward = next(one for one in curve["series"] if one["name"] == "reward")
    assert (reward["n_steps"], reward["points"][0], reward["points"][-1]) == (50, [1, 0.02], [50, 1.0])
    assert len(reward["points"]) <= 20
    assert curve["checkpoints"][0]["step"] == 25
    assert services.connected == [("rendered", None)]


def test_a_job_that_the_run_does_not_name_cannot_be_read(client: Browser, services: Any) -> None:
    services.train("job-of-others", n_steps=3)
    reply = client("viewer").get("/api/dags/tutor/curve?run_id=first&task_id=train&job_id=job-of-others").json()
    assert "series" not in reply
    assert reply["notes"][0]["severity"] == "info"


@pytest.mark.parametrize("part", ["curve?task_id=train&", "details?", "samples?"])
def test_an_unreachable_service_is_said_and_worth_asking_again(
    client: Browser,
    services: Any,
    part: str,
) -> None:
    services.failure = ConnectionLost("No answer from the endpoint.", action="Check the network.")
    reply = client("viewer").get(f"/api/dags/tutor/{part}run_id=first")
    assert reply.status_code == 200
    assert "No answer from the endpoint." in reply.json()["notes"][0]["text"]
    assert reply.json()["temporary"] is True
    assert client("viewer").get("/api/dags/tutor/run?run_id=first").json()["run"]["state"] == "success"
    assert client("viewer").get("/frame/tutor?run_id=first").status_code == 200


def test_missing_artefacts_are_said(client: Browser, services: Any) -> None:
    del services.files["s3://bucket/tuned.jsonl"]
    reply = client("viewer").get("/api/dags/tutor/samples?run_id=first").json()
    assert "There is no object s3://bucket/tuned.jsonl" in reply["notes"][0]["text"]
    assert reply["temporary"] is False


def test_half_written_artefacts_are_said(client: Browser, services: Any) -> None:
    services.files["s3://bucket/tuned.jsonl"] = services.files["s3://bucket/tuned.jsonl"][:-20]
    reply = client("viewer").get("/api/dags/tutor/details?run_id=first").json()
    assert "tuned.jsonl, line 12" in reply["notes"][0]["text"]


def test_a_job_that_was_deleted_is_said(client: Browser, services: Any) -> None:
    services.jobs.clear()
    reply = client("viewer").get("/api/dags/tutor/curve?run_id=first&task_id=train").json()
    assert "There is no job job-1." in reply["notes"][0]["text"]


def test_payloads_of_a_newer_version_are_named(client: Browser, world: Any) -> None:
    number = world.run("tutor", "newer")
    newer = gate(version=9)
    world.task("tutor", "newer", "gate", OPERATORS["gate"], number=number, outputs={"return_value": newer})
    viewer = client("viewer")
    run = viewer.get("/api/dags/tutor/run?run_id=newer").json()
    assert "newer version" in run["notes"][0]["text"]
    comparison = viewer.get("/api/dags/tutor/comparison?run_id=newer").json()
    assert comparison["gate"] is None
    assert "version 9" in comparison["notes"][0]["text"]


@pytest.mark.parametrize(
    "value", ["not ours", 7, None, [], {"kind": "rft.gate"}, {"kind": 5}, {"kind": "rft.gate", "version": 1}]
)
def test_strange_outputs_break_nothing(client: Browser, world: Any, value: object) -> None:
    number = world.run("tutor", "strange")
    world.task("tutor", "strange", "gate", OPERATORS["gate"], number=number, outputs={"return_value": value})
    viewer = client("viewer")
    for part in ("run", "comparison", "details", "samples", "lineage"):
        assert viewer.get(f"/api/dags/tutor/{part}?run_id=strange").status_code == 200
    assert viewer.get("/api/pipelines").status_code == 200
    assert viewer.get("/frame/tutor?run_id=strange").status_code == 200


def test_slices_wins_and_losses_come_from_the_scored_completions(client: Browser) -> None:
    viewer = client("viewer")
    details = viewer.get("/api/dags/tutor/details?run_id=first").json()
    assert (details["n_samples"], details["n_wins"], details["n_losses"]) == (12, 4, 0)
    assert [one["name"] for one in details["slices"]] == ["kind=k0", "kind=k1"]
    wins = viewer.get("/api/dags/tutor/samples?run_id=first&outcome=wins&limit=3").json()
    assert (wins["total"], len(wins["items"]), wins["items"][0]["difference"]) == (4, 3, 1.0)
    assert viewer.get("/api/dags/tutor/samples?run_id=first&search=owned").json()["total"] == 12
    assert viewer.get("/api/dags/tutor/samples?run_id=first&search=nowhere").json()["total"] == 0


def test_the_champions_history_is_read_and_nothing_is_repaired(client: Browser, services: Any) -> None:
    second = to_value(CHAMPION).replace('"number":1', '"number":2').replace('"model":"tuned"', '"model":"newer"')
    services.values["/bedrock-rft/tutor/history/000002"] = second  # promoted, and the alias not moved yet
    before = dict(services.values)
    lineage = client("viewer").get("/api/dags/tutor/lineage?run_id=first").json()
    assert [one["model"] for one in lineage["history"]] == ["newer", "tuned"]
    assert services.values == before


def test_models_texts_are_escaped_in_the_frame(client: Browser) -> None:
    for route in ("/frame", "/frame/tutor", "/frame/tutor?run_id=first"):
        assert ATTACK not in client("viewer").get(route).text
    assert "&lt;script&gt;" in client("viewer").get("/frame/tutor?run_id=first").text


def test_the_frame_finds_runs_whose_plus_became_a_space(client: Browser, world: Any) -> None:
    world.run("tutor", "manual__2026-01-01T00:00:00+00:00")
    reply = client("viewer").get("/frame/tutor?run_id=manual__2026-01-01T00:00:00+00:00")
    assert reply.status_code == 200
    assert "manual__2026-01-01T00:00:00+00:00" in reply.text


@pytest.mark.parametrize("name", [one.name for one in PAGE.iterdir()])
def test_the_pages_own_files_are_for_everybody_and_always_fresh(client: Browser, name: str) -> None:
    reply = client().get(f"/page/{name}")
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-cache"
    assert "javascript" in reply.headers["content-type"]
    assert "http://" not in reply.text
    assert "https://" not in reply.text


@pytest.mark.parametrize("path", ["/page/../app.py", "/page/%2e%2e/app.py", "/page/", "/docs", "/openapi.json"])
def test_nothing_else_is_served(client: Browser, path: str) -> None:
    assert client().get(path).status_code == 404
