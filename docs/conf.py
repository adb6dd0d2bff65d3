"""Sphinx builds the pages with ``sphinx-build -W docs out``; the ``docs`` extra brings what it needs."""

import configparser
from pathlib import Path

from docutils.parsers.rst import Directive, Parser
from docutils.utils import new_document

package = configparser.ConfigParser(interpolation=None)
package.read(Path(__file__).parent.parent / "setup.cfg", encoding="utf-8")

project = package["metadata"]["name"]
author = copyright = package["metadata"]["author"]
release = package["metadata"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc"]
source_suffix = {".md": "markdown"}
root_doc = "index"

# Directives stand between colons (:::), so that every fence of backticks is code that the tests run.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_typehints = "none"
numpydoc_show_class_members = False
autosummary_generate = False

html_theme = "furo"
html_title = f"{project} {release}"


class Docstrings(Directive):
    """The docstrings of the public names that it lists, one per line, with members behind a colon."""

    has_content = True

    def run(self) -> list:
        """Hand the names to autodoc."""
        lines = []
        for line in self.content:
            name, _, members = line.partition(":")
            kind = "class" if name.rpartition(".")[2][:1].isupper() else "function"
            lines += [f".. auto{kind}:: {name.strip()}", *[f"   :members: {members}"] * bool(members), ""]
        document = new_document("docstrings", self.state.document.settings)
        document.reporter = self.state.document.reporter
        Parser().parse("\n".join(lines), document)
        return document.children


def setup(app) -> None:
    """Register the directive."""
    app.add_directive("docstrings", Docstrings)
