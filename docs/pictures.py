"""Takes the pictures that README and the docs show, from a local stack that has run the demo.

bedrock-rft demo && bedrock-rft up --home .rft/demo && python docs/pictures.py --home .rft/demo
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
DAG_ID = "recurring_retraining"
RUN_ID = "demo"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]


def main() -> None:
    """Log in and take each picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".rft/demo"))
    state = json.loads((parser.parse_args().home / "stack.json").read_text(encoding="utf-8"))
    url = f"http://127.0.0.1:{state['ports']['api']}"
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 850}, color_scheme="light")
        log_in(page, url, state["password"])
        take_page(page, f"{url}/plugin/bedrock-rft", "ui-overview", ".rft-page table")
        tab = f"{url}/dags/{DAG_ID}/runs/{RUN_ID}/plugin/bedrock-rft-run"
        take_page(page, tab, "ui-run", ".rft-chart")
        take_page(page, f"{tab}#comparison", "ui-comparison", ".rft-forest")
        take_graph(page, url)  # last: Airflow remembers that the graph takes most of the room
        browser.close()


def log_in(page: Page, url: str, password: str) -> None:
    """Through the form, as a person would."""
    page.goto(f"{url}/auth/login/", wait_until="networkidle")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda address: "login" not in address)


def take_graph(page: Page, url: str) -> None:
    """The run's graph."""
    page.goto(f"{url}/dags/{DAG_ID}/runs/{RUN_ID}", wait_until="networkidle")
    page.get_by_role("button", name="Graph").first.click()
    page.wait_for_selector(".react-flow__node")
    page.mouse.move(700, 10)
    page.wait_for_timeout(3000)
    page.screenshot(path=IMAGES / "graph.png")


def take_page(page: Page, url: str, name: str, awaited: str) -> None:
    """The RFT page, once ``awaited`` is drawn; without Airflow's own side panels."""
    page.set_viewport_size({"width": 1500, "height": 1150})
    page.goto(url, wait_until="networkidle")
    page.wait_for_selector(awaited)
    page.wait_for_timeout(1500)
    page.locator(".rft-page").screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
