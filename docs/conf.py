"""How Sphinx builds the documentation: ``make docs``. Nothing is loaded from the network, and a warning is an error.

The pages are ordinary Markdown that reads well on its own. What needs a build is added here: the reference, which is
generated from the code, the example DAGs with their source, and the tables of contents.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="rft-docs-"))  # reading operators makes Airflow want one
sys.path.insert(0, str(HERE))

import generate  # noqa: E402 -- a neighbour of this file
from airflow.providers.common.compat.sdk import BaseOperator as Operator  # noqa: E402 -- needs its home by then

from airflow_provider_bedrock_rft import __version__  # noqa: E402

project = "airflow-provider-bedrock-rft"
author = "The airflow-provider-bedrock-rft developers"
copyright = "Apache-2.0"  # noqa: A001 -- Sphinx's word
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
nitpicky = False  # the types of Airflow, boto3 and openai are described elsewhere
myst_heading_anchors = 4
myst_links_external_new_tab = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
add_module_names = False
autodoc_default_options = {"exclude-members": "__init__, __new__, __post_init__"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

CONTENTS = {
    "Start": ["tutorial"],
    "How to": sorted(f"how-to/{page.stem}" for page in HERE.glob("how-to/*.md")),
    "Run it": ["operations", "troubleshooting"],
    "Look it up": [
        *sorted(f"reference/{page.stem}" for page in HERE.glob("reference/*.md")),
        *generate.PAGES,
        "glossary",
    ],
    "Understand it": [*sorted(f"explanation/{page.stem}" for page in HERE.glob("explanation/*.md")), "comparison"],
    "Decisions": ["adr/index", *sorted(f"adr/{page.stem}" for page in HERE.glob("adr/0*.md"))],
}
"""Heading of the side bar → the pages below it; the front page itself is ``index.md``."""
OUT_OF_DOCS = re.compile(r"\]\((?:\.\./)+example_dags/(?P<place>[^)#]*)\)")
FRONT_PAGE = "index"


def lead_to_generated_pages(_app: Sphinx, name: str, source: list[str]) -> None:
    """Turn links to example files into links to their pages, and give the front page its tables of contents."""
    source[0] = OUT_OF_DOCS.sub(lambda link: f"](/{generate.example_page(link['place'])}.md)", source[0])
    if name == FRONT_PAGE:
        source[0] += "".join(_toctree(caption, pages) for caption, pages in CONTENTS.items())


def _toctree(caption: str, pages: list[str]) -> str:
    return "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""])


def operator_signature(
    _app: Sphinx, what: str, _name: str, obj: object, _options: object, signature: str | None, _returns: str | None
) -> tuple[str | None, str] | None:
    """Of ``__init__``: Airflow's metaclass hides it from whoever asks the class."""
    if what != "class" or not isinstance(obj, type) or not issubclass(obj, Operator):
        return None
    found = inspect.signature(obj.__init__)
    given = [argument.replace(annotation=inspect.Parameter.empty) for argument in list(found.parameters.values())[1:]]
    return str(inspect.Signature(given)) if given else signature, ""


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    generate.write_pages(HERE)
    app.connect("source-read", lead_to_generated_pages)
    app.connect("autodoc-process-signature", operator_signature)
