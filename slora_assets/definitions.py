"""The entry point that Dagster loads; `defs/code_location.py` is the table of contents."""

from slora_assets.defs.code_location import build_definitions
from slora_assets.defs.home import warn_without_home

warn_without_home()
defs = build_definitions()
