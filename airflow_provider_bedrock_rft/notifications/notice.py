"""What there is to tell people about a run, and how it reads in each place; texts of models are strangers' texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.job.curve import Curve

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CELL = 600
"""Characters of a row's text; an error may have pages."""
MAX_BLOCK = 2_800
"""Characters of a Slack section; Slack refuses 3,000."""
MAX_SUBJECT = 99
"""Characters of an SNS subject; SNS refuses 100."""
PICTURE = "reward.png"

_TABLE = "border-collapse:collapse;font:14px/1.5 system-ui,sans-serif"
_CELL = "text-align:left;vertical-align:top;padding:4px 16px 4px 0;border-bottom:1px solid #d4d4d8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message.

    Attributes:
        title: A line.
        rows: A table, by name; a name may come twice.
        link: Address of the run's page, empty where Airflow's own is not known.
        curve: Of the training job, ``None`` where there is none.
        notes: What could not be had.
        facts: Name → value, for receivers that filter by them.
    """

    title: str
    rows: tuple[tuple[str, str], ...]
    link: str = ""
    curve: Curve | None = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def to_text(notice: Notice) -> str:
    """The message for a place that shows letters only."""
    return "\n".join([notice.title, "", *_table(notice), *_ending(notice)])


def to_html(notice: Notice, *, has_picture: bool) -> str:
    """The message for a mail reader; the picture is attached under its own name."""
    rows = "".join(
        f'<tr><th style="{_CELL}">{escape(name)}</th><td style="{_CELL}">{escape(_short(text))}</td></tr>'
        for name, text in notice.rows
    )
    picture = f'<p><img src="cid:{PICTURE}" alt="Reward by training step" width="640"></p>' if has_picture else ""
    link = f'<p><a href="{escape(notice.link)}">Open the run in Airflow</a></p>' if notice.link else ""
    notes = "".join(f"<p>{escape(note)}</p>" for note in notice.notes)
    return f'<h2>{escape(notice.title)}</h2><table style="{_TABLE}">{rows}</table>{picture}{link}{notes}'


def to_blocks(notice: Notice) -> list[dict[str, object]]:
    """The message for Slack, in its blocks."""
    table = _slack("\n".join(_table(notice)))[:MAX_BLOCK]
    ending = [_slack(note)[:MAX_BLOCK] for note in notice.notes]
    ending += [f"<{notice.link}|Open the run in Airflow>"] if notice.link else []
    return [
        {"type": "header", "text": {"type": "plain_text", "text": notice.title[:150]}},
        _section(f"```{table}```"),
        *(_section(text) for text in ending),
    ]


def to_subject(notice: Notice) -> str:
    """The title as SNS takes it: printable ASCII, shorter than a hundred characters."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in notice.title)[:MAX_SUBJECT]


def _table(notice: Notice) -> Iterator[str]:
    width = max((len(name) for name, _ in notice.rows), default=0)
    for name, text in notice.rows:
        yield f"{name:<{width}}  {_short(text)}"


def _ending(notice: Notice) -> Iterator[str]:
    for line in (*notice.notes, notice.link):
        if line:
            yield ""
            yield line


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _short(text: str) -> str:
    return text if len(text) <= MAX_CELL else f"{text[:MAX_CELL]} …"


def _slack(text: str) -> str:
    """Slack reads three signs as its own; a fence would end the table."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("```", "'''")
