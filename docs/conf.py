"""How Sphinx builds the pages: `make docs`, offline, every warning an error."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import docstrings  # noqa: E402
import made_pages  # noqa: E402

import zoo  # noqa: E402

project, author, copyright = "zoo", "The zoo developers", "The zoo developers, Apache-2.0"
version = release = zoo.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_gallery.gen_gallery"]
# Of the gallery's sources Sphinx reads what sphinx-gallery makes of them.
exclude_patterns = ["_build", "gallery"]
default_role = "literal"  # `name` in docstrings, as in the code
highlight_language = "none"
smartquotes = False  # two hyphens are those of an option
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say shapes and units, which types do not
napoleon_use_ivar = True
napoleon_use_rtype = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "made/gallery",
    "filename_pattern": r"\.py$",
    "subsection_order": [f"gallery/{room}" for room in ("common", *zoo.SYSTEMS)],
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("matplotlib",),
    "capture_repr": (),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 0,
    "remove_config_comments": True,
    "thumbnail_size": (400, 280),
}

html_theme = "furo"
html_title = f"zoo {version}"
html_static_path = ["static"]
html_css_files = ["zoo.css"]
html_copy_source = False
html_show_sphinx = False


def setup(app):
    """Write the pages that are made of cards, READMEs and faces before Sphinx looks for pages."""
    app.connect("config-inited", lambda *_: made_pages.write_all(HERE / "made"))
    app.connect("autodoc-process-docstring", docstrings.prepare, priority=100)
