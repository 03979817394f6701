"""How Sphinx builds these pages; warnings fail the build."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import leadline

project = "Leadline"
author = "The Leadline authors"
project_copyright = "the Leadline authors"
version = release = leadline.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "plain_docstrings", "reference"]
exclude_patterns = ["_build", "_ext"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # pages that are included may begin with a lower heading

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_use_type_comments = False
maximum_signature_line_length = 100
nitpicky = False

html_theme = "furo"
html_title = f"Leadline {release}"
html_copy_source = False
html_show_sphinx = False
