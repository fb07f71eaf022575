"""The page in a real browser, over a real run whose prompts try to run a script."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from airflow_provider_bedrock_rft.cli.laptop import DEFAULT_DATASET, emulator_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

    from airflow_provider_bedrock_rft.cli.stack import Stack

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
DAG_ID, RUN_ID = "recurring_retraining", "seen"
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
    give_up_at = time.monotonic() + RUN_SECONDS
    while stack.api.run_state(DAG_ID, RUN_ID) not in {"success", "failed"}:
        assert time.monotonic() < give_up_at
        time.sleep(1)
    assert stack.api.run_state(DAG_ID, RUN_ID) == "success"
    return stack


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


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_is_airflows(page: Page, theme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=theme)
    page.goto("/plugin/bedrock-rft")
    page.locator(".rft-page table").wait_for()
    assert (brightness(page, ".rft-page") < 128) is (theme == "dark")


def test_a_visitor_sees_nothing(browser: Browser, seen: Stack) -> None:
    context = browser.new_context(base_url=seen.airflow_url)
    for path in ("/bedrock-rft/api/pipelines", f"/bedrock-rft/frame/{DAG_ID}?run_id={RUN_ID}"):
        assert context.request.get(path).status == 401
    visitor = context.new_page()
    visitor.goto(run_url(), wait_until="networkidle")
    assert visitor.locator(".rft-stages").count() == 0
    assert "promotion_gate" not in visitor.content()
    context.close()
