"""Does in a browser what README tells a newcomer, says when each step was done, and takes the tutorial's pictures.

make up && python docs/walk.py
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
DAG_ID = "human_approval"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PATIENCE_MS = 900_000
READING_MS = 8_000
"""A person reads before answering; Airflow asks again when an answer comes before the asking process has ended."""


@dataclass
class Walk:
    """One newcomer, from the login form to the new champion."""

    page: Page
    url: str
    started: float = field(default_factory=time.monotonic)

    def go(self, password: str) -> None:
        """Every step, in README's order."""
        self.sign_in(password)
        self.switch_on()
        self.open_run(self.wait_for_run())
        self.approve()
        self.find_champion()

    def did(self, what: str) -> None:
        """Say it, with the time."""
        print(f"{time.monotonic() - self.started:6.1f} s  {what}", flush=True)

    def sign_in(self, password: str) -> None:
        """Through the form."""
        self.page.goto(f"{self.url}/auth/login/")
        self.page.fill("input[name=username]", "admin")
        self.page.fill("input[name=password]", password)
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_url(lambda address: "login" not in address)
        self.did("signed in")

    def switch_on(self) -> None:
        """With the toggle beside the DAG's name."""
        self.page.goto(f"{self.url}/dags/{DAG_ID}")
        self.page.locator("[data-testid=toggle-pause], [data-scope=switch][data-part=root]").first.click()
        self.did(f"switched {DAG_ID} on")

    def wait_for_run(self) -> str:
        """The run that its schedule starts at once."""
        while not (runs := self.page.request.get(f"{self.url}/api/v2/dags/{DAG_ID}/dagRuns").json()["dag_runs"]):
            self.page.wait_for_timeout(500)
        self.did("its run has started")
        return str(runs[0]["dag_run_id"])

    def open_run(self, run_id: str) -> None:
        """And in it our tab."""
        self.page.goto(f"{self.url}/dags/{DAG_ID}/runs/{run_id}")
        self.page.get_by_role("link", name="Bedrock RFT", exact=True).last.click()
        self.page.locator(".rft-chart svg").first.wait_for()
        self.did("the reward curve is there")

    def approve(self) -> None:
        """When the run asks."""
        self.page.get_by_role("tab", name="Comparison").click()
        self.page.get_by_role("button", name="Approve: promote it").wait_for()
        self.did("the gate said promote, and the run asks")
        self.picture("approve")
        self.page.wait_for_timeout(READING_MS)
        self.page.get_by_role("button", name="Approve: promote it").click()
        self.page.get_by_role("button", name="Yes: Approve").click()
        self.did("approved")

    def find_champion(self) -> None:
        """On the page of all pipelines, once the promotion is made."""
        self.page.goto(f"{self.url}/plugin/bedrock-rft")
        row = self.page.locator(".rft-page tr").filter(has_text=DAG_ID).filter(has_text="ft-")
        row.first.wait_for()
        self.did("the new champion is on the page")
        self.picture("approved")

    def picture(self, name: str) -> None:
        """Of our page, without Airflow's own panels."""
        self.page.wait_for_timeout(1500)
        self.page.locator(".rft-page").screenshot(path=IMAGES / f"{name}.png")


def main() -> None:
    """Walk once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".rft/stack"))
    state = json.loads((parser.parse_args().home / "stack.json").read_text(encoding="utf-8"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 1000}, color_scheme="light")
        page.set_default_timeout(PATIENCE_MS)
        Walk(page, f"http://127.0.0.1:{state['ports']['api']}").go(state["password"])
        browser.close()


if __name__ == "__main__":
    main()
