"""How `make docs` builds these pages: Markdown by MyST, formulas as MathML, nothing from the network."""

from __future__ import annotations

import sys
from pathlib import Path

import ziamath

import stratiform

sys.path.append(str(Path(__file__).parent / "_ext"))

project = "Stratiform"
author = project_copyright = "the contributors of Stratiform"
version = release = stratiform.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "contents", "docstrings", "mathml"]
exclude_patterns = ["_build", "_ext"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!stratiform\.).*|stratiform\.nn\..*|.*\.Key")]  # not documented here

myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]  # written as GitHub draws them
myst_heading_anchors = 3
html_math_renderer = "mathml"

napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "exclude-members": "training"}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100

html_theme = "furo"
html_title = "Stratiform"
html_static_path = ["_static", str(Path(ziamath.__file__).parent / "fonts")]  # STIX Two Math, for pages.css
html_css_files = ["pages.css"]
html_copy_source = False
