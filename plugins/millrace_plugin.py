"""Millrace's plugin for an Airflow whose plugins folder this is.

Why: Airflow runs every module directly below ``plugins/`` under its bare file name; the
    package beside this file is hidden from that by ``.airflowignore``.
Promise: where an installed Millrace offers the plugin by its entry point, Airflow loads it from
    there and not a second time from here.
"""

from importlib.metadata import entry_points

if not entry_points(group="airflow.plugins", name="millrace"):
    from millrace.airflow.plugin import MillracePlugin

    __all__ = ["MillracePlugin"]
