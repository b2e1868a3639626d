"""Millrace's entry in Airflow's plugin list: the pages of published artifacts, and its timetable.

Why: an installed Millrace offers it by an entry point, a checkout by the module in ``plugins/``.
Promise: loading it builds nothing; the application is made at the api-server's first request.
Not here: operators and policies, which DAG files import from ``millrace.airflow``.
"""

from airflow.sdk.plugins_manager import AirflowPlugin

from millrace.airflow.links import PREFIX, DashboardLink, PageLink
from millrace.airflow.pages import LazyApp, make_app
from millrace.airflow.partition_timetable import PartitionTimetable
from pipelines.protocol.catalog import catalog


class MillracePlugin(AirflowPlugin):
    """Adds ``/millrace`` to the api-server, and the link to it."""

    name = "millrace"
    fastapi_apps = [{"app": LazyApp(make_app), "url_prefix": PREFIX, "name": "Millrace"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Progress and report",
            "href": f"{PREFIX}/runs/{{DAG_ID}}/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "millrace_report",
        }
    ]
    timetables = [PartitionTimetable]  # noqa: RUF012
    operator_extra_links = [*map(PageLink, catalog().pages()), DashboardLink()]  # noqa: RUF012
