"""The page in a real browser, over a real run whose prompts try to run a script."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from airflow_provider_bedrock_rft.cli.laptop import DEFAULT_DATASET, emulator_session
from airflow_provider_bedrock_rft.core.errors import RequestRejected, ResourceNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

    from airflow_provider_bedrock_rft.cli.stack import Stack

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
DAG_ID, RUN_ID = "recurring_retraining", "seen"
FAILED_DAG, FAILED_RUN = "evaluate_model", "failed"
PICTURES = Path(os.environ.get("RFT_ARTIFACTS", "artifacts"), "ui")
"""Where every view is kept as it looked, for people to look at."""
WIDTHS = {"wide": 1440, "narrow": 800}
"""Below some 770 pixels Airflow's own page no longer fits."""
ATTACK = "<img src=x onerror=\"document.title='owned'\">"
RUN_SECONDS = 300
PATIENCE_MS = 60_000

pytestmark = [
    pytest.mark.scheduler,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("stack"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no browser at {CHROMIUM}: install chromium"),
]


@pytest.fixture(scope="module")
def seen(stack: Stack, dates: list[str | None]) -> Stack:
    """The stack after a run on a dataset with a script in every prompt."""
    objects = emulator_session(stack).objects
    lines = [json.loads(line) for line in objects.get(DEFAULT_DATASET).splitlines()]
    for line in lines:
        line["messages"][-1]["content"] += f" {ATTACK}"
    dataset = DEFAULT_DATASET.replace(".jsonl", "_attacking.jsonl")
    objects.put_bytes(dataset, "".join(json.dumps(line) + "\n" for line in lines).encode())
    date = dates.pop() if dates else None
    stack.api.trigger(DAG_ID, conf={"dataset": dataset, "n_epochs": 1}, run_id=RUN_ID, logical_date=date)
    stack.api.unpause(DAG_ID)
    missing = {"dataset": DEFAULT_DATASET.replace(".jsonl", "_missing.jsonl")}
    stack.wait_until(FAILED_DAG, lambda: stack.api.has_dag(FAILED_DAG))
    stack.api.trigger(FAILED_DAG, conf=missing, run_id=FAILED_RUN)
    stack.api.unpause(FAILED_DAG)
    assert ended(stack, DAG_ID, RUN_ID) == "success"
    assert ended(stack, FAILED_DAG, FAILED_RUN) == "failed"
    return stack


def ended(stack: Stack, dag_id: str, run_id: str) -> str:
    give_up_at = time.monotonic() + RUN_SECONDS
    while (state := stack.api.run_state(dag_id, run_id)) not in {"success", "failed"}:
        assert time.monotonic() < give_up_at, state
        time.sleep(1)
    return state


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, seen: Stack) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=seen.airflow_url)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto("/auth/login/")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", seen.password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda address: "login" not in address)
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(signed_in: BrowserContext, seen: Stack) -> Iterator[Page]:
    """What goes wrong in the page fails the test, and so does a request to elsewhere."""
    page = signed_in.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: wrong.append(asked.url) if is_elsewhere(asked.url, seen) else None)
    yield page
    page.close()
    assert wrong == []


def is_elsewhere(url: str, stack: Stack) -> bool:
    return not url.startswith((stack.airflow_url, "data:", "blob:"))


def run_url(view: str = "") -> str:
    return f"/dags/{DAG_ID}/runs/{RUN_ID}/plugin/bedrock-rft-run{view}"


def run_tab(view: str) -> str:
    return f"{run_url()}#{view}"


VIEWS = {
    "overview": ("/plugin/bedrock-rft", ".rft-page table svg"),
    "pipeline": (f"/dags/{DAG_ID}/plugin/bedrock-rft-pipeline", ".rft-cards svg"),
    "run": (run_tab("run"), ".rft-sample"),
    "comparison": (run_tab("comparison"), ".rft-sample"),
    "lineage": (run_tab("lineage"), ".rft-steps"),
    "failed": (f"/dags/{FAILED_DAG}/runs/{FAILED_RUN}/plugin/bedrock-rft-run", ".rft-stages"),
    "empty": ("/dags/readiness_first/plugin/bedrock-rft-pipeline", ".rft-empty"),
}
"""View → its address, and what is there once it has been drawn."""


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_fits_in_both_themes_narrow_and_wide(page: Page, view: str) -> None:
    address, drawn = VIEWS[view]
    page.goto(address)
    page.locator(drawn).first.wait_for()
    PICTURES.mkdir(parents=True, exist_ok=True)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for width, pixels in WIDTHS.items():
            page.set_viewport_size({"width": pixels, "height": 1000})
            page.wait_for_function(
                "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
            )
            page.screenshot(path=PICTURES / f"{view}-{theme}-{width}.png")
            assert (brightness(page, ".rft-page") < 128) is (theme == "dark")
            spill = page.locator(".rft-page").evaluate("one => one.scrollWidth - one.clientWidth")
            assert spill <= 1, f"{view} spills {spill} pixels out at {pixels}"


def brightness(page: Page, selector: str) -> float:
    painted: str = page.locator(selector).first.evaluate(
        """one => {
            const canvas = document.createElement("canvas").getContext("2d");
            canvas.fillStyle = getComputedStyle(one).backgroundColor;
            canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).join(" ");
        }"""
    )
    return sum(map(int, painted.split())) / 3


def test_the_overview_leads_to_the_pipeline(page: Page) -> None:
    page.goto("/plugin/bedrock-rft")
    page.get_by_role("heading", name="Reinforcement fine-tuning").wait_for()
    page.get_by_label("Search pipelines").fill("no such pipeline")
    page.get_by_text("No pipeline is like that.").wait_for()
    page.get_by_label("Search pipelines").fill("recurring")
    page.locator(".rft-page").get_by_role("link", name=DAG_ID, exact=True).click()
    page.locator(".rft-page").get_by_role("link", name=RUN_ID, exact=True).wait_for()


def test_a_run_shows_its_stages_and_its_curve_to_the_keyboard_too(page: Page) -> None:
    page.goto(run_url())
    page.locator(".rft-stages li").filter(has_text="promotion_gate").wait_for()
    chart = page.locator(".rft-chart svg").first
    chart.wait_for()
    assert "Reward" in str(chart.get_attribute("aria-label"))
    chart.focus()
    page.keyboard.press("Home")
    page.locator(".rft-chart figcaption").first.get_by_text("step 1", exact=True).wait_for()
    page.keyboard.press("ArrowRight")
    page.locator(".rft-chart figcaption").first.get_by_text("step 2", exact=True).wait_for()
    page.keyboard.press("+")
    page.get_by_role("button", name="show all").click()


def test_texts_of_models_and_datasets_stay_texts(page: Page) -> None:
    page.goto(run_url("#comparison"))
    page.get_by_label("Which samples").select_option("all")
    page.locator(".rft-prompt").first.wait_for()
    assert ATTACK in page.locator(".rft-prompt").first.inner_text()
    assert page.locator(".rft-page img").count() == 0
    assert page.title() != "owned"


def test_the_lineage_ends_with_who_serves(page: Page) -> None:
    page.goto(run_url())
    page.get_by_role("tab", name="Run", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("heading", name="From data to model").wait_for()
    page.get_by_role("heading", name="Champions").wait_for()


def test_the_tab_of_the_gate_shows_the_comparison(page: Page) -> None:
    page.goto(f"/dags/{DAG_ID}/runs/{RUN_ID}/tasks/promotion_gate/plugin/bedrock-rft-task")
    page.locator(".rft-page").get_by_role("tab", name="Comparison", selected=True).wait_for()
    page.get_by_text("Candidate minus baseline").wait_for()


def test_a_run_that_is_not_there_is_said(page: Page) -> None:
    page.goto(run_url().replace(RUN_ID, "deleted"))
    page.get_by_text("This is not there").wait_for()


def test_a_refusal_is_said_and_the_page_stays_up(page: Page) -> None:
    page.route("**/bedrock-rft/api/**/curve?*", lambda route: route.fulfill(status=403, body="{}"))
    page.goto(run_url())
    page.get_by_text("You may not see this.").wait_for()
    assert page.locator(".rft-stages li").count() > 5


def test_a_failed_run_says_where_it_failed(page: Page) -> None:
    page.goto(VIEWS["failed"][0])
    page.locator(".rft-stages li").filter(has_text="evaluate").get_by_text("failed", exact=True).wait_for()
    page.locator(".rft-page").get_by_role("tab", name="Comparison").click()
    page.get_by_text("This run has compared nothing.").wait_for()


def test_a_pipeline_that_never_ran_says_so(page: Page) -> None:
    page.goto(VIEWS["empty"][0])
    page.get_by_text("This pipeline has never run.").wait_for()


def test_a_checkpoint_is_handed_to_a_dag_that_evaluates_it(page: Page, seen: Stack) -> None:
    page.goto(run_tab("run"))
    page.get_by_role("button", name="Evaluate this").first.click()
    link = page.get_by_role("link", name="being evaluated")
    link.wait_for()
    run_id = unquote(str(link.get_attribute("href"))).split("/runs/")[1].split("/")[0]
    assert seen.api.run_state(FAILED_DAG, run_id) in {"queued", "running", "success"}


def test_a_person_answers_on_the_page(page: Page, seen: Stack) -> None:
    seen.wait_until("asking", lambda: seen.api.has_dag("asking"))
    seen.api.trigger("asking", conf={}, run_id="asked")
    seen.api.unpause("asking")
    page.goto("/dags/asking/runs/asked/plugin/bedrock-rft-run#comparison")
    page.get_by_role("button", name="Reject: hold it").click()
    assert page.locator(".rft-question b").count() == 0  # the question is a text, not a page
    page.get_by_role("button", name="Yes: Reject").click()
    page.get_by_text("by admin").wait_for()
    while seen.api.run_state("asking", "asked") == "running":  # Airflow asks again when it was answered very fast
        with suppress(RequestRejected, ResourceNotFound):
            seen.api.answer("asking", "asked", "approve", "Reject")
        time.sleep(1)
    assert seen.api.run_state("asking", "asked") == "success"
    assert {task.task_id: task.state for task in seen.api.task_states("asking", "asked")}["rollback"] == "skipped"


def test_the_button_of_a_task_leads_to_its_view(page: Page) -> None:
    page.goto(f"/dags/{DAG_ID}/runs/{RUN_ID}/tasks/promotion_gate/details")
    button = page.get_by_role("link", name="RFT page")
    button.wait_for()
    assert urlsplit(str(button.get_attribute("href"))).path.endswith("/tasks/promotion_gate/plugin/bedrock-rft-task")


def test_a_visitor_sees_nothing(browser: Browser, seen: Stack) -> None:
    context = browser.new_context(base_url=seen.airflow_url)
    for path in ("/bedrock-rft/api/pipelines", f"/bedrock-rft/frame/{DAG_ID}?run_id={RUN_ID}"):
        assert context.request.get(path).status == 401
    visitor = context.new_page()
    visitor.goto(run_url(), wait_until="networkidle")
    assert visitor.locator(".rft-stages").count() == 0
    assert "promotion_gate" not in visitor.content()
    context.close()
