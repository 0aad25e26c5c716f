"""How the documentation site is built; nothing of it needs the network."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent / "src")]

import generated_pages  # noqa: E402 - found by the path above
from narratives import led_to_pages  # noqa: E402

import spectra  # noqa: E402

project = "spectra"
author = "The spectra developers"
version = release = spectra.__version__
html_title = "spectra"

extensions = ["myst_nb", "sphinx_design", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml"]
exclude_patterns = ["_build", "_ext", "**.ipynb_checkpoints"]
default_role = "code"

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "attrs_block"]
html_math_renderer = "mathml"
nb_execution_mode = "off"
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_class_signature = "separated"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
# Pages without pages below them have nothing to navigate.
html_sidebars: dict[str, list[str]] = {
    page: []
    for page in (
        *("concepts", "howto", "commands", "numbers"),
        *("file_formats", "recipes_listed", "benchmarks"),
    )
}
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "light"}
html_theme_options = {
    "navigation_with_keys": False,
    "collapse_navigation": False,
    "show_nav_level": 1,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
project_copyright = "The spectra developers, BSD-3-Clause"


# The benchmarks print their own headings, one level down.
suppress_warnings = ["myst.header"]


def follow_links(app: Sphinx, name: str, source: list[str]) -> None:
    """Lead links of the repository to pages of the site."""
    source[0] = led_to_pages(source[0])


def setup(app: Sphinx) -> None:
    """Write the pages that come from declarations before anything is read."""
    app.connect("source-read", follow_links)
    generated_pages.write_all(HERE)
