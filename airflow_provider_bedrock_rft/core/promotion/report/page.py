"""The report as one self-contained HTML page: no script, no request to anywhere, strangers' texts escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.promotion.report.drawing import HEIGHT, WIDTH, curve_of, forest_of

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.promotion.report.content import ReportContent


def to_html(content: ReportContent) -> str:
    """The page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("airflow_provider_bedrock_rft.core.promotion.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        content=content,
        comparison=content.comparison,
        decision=content.decision,
        forest=forest_of(content.comparison),
        bins=getattr(content.calibration, "bins", ()),
        curve=curve_of(content.reward_curve),
        width=WIDTH,
        height=HEIGHT,
    )
