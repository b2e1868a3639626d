"""A DAG of another team: one run for each day of card transactions that was accepted, and for nothing else.

It imports nothing of Millrace: the asset's name, and what its events hold, are all that it needs to know
(docs/assets.md).
"""

from pathlib import Path
from urllib.parse import unquote, urlparse

from airflow.sdk import Asset, PartitionedAssetTimetable, dag, task

GOOD_DAYS = Asset("fraud_detection_good_partitions", uri="millrace://fraud_detection/validated")


@dag(schedule=PartitionedAssetTimetable(assets=GOOD_DAYS), catchup=False, tags=["sales"])
def sales_by_day():
    """Work on the good rows of a day, as they were when it was accepted."""

    @task
    def take_over(triggering_asset_events=None, partition_key=None) -> dict[str, object]:
        """Find the day's files: the last event holds where they are, and the digest that names them."""
        day = triggering_asset_events[GOOD_DAYS][-1].extra
        folder = Path(unquote(urlparse(day["uri"]).path))
        files = sorted(file.name for file in folder.glob("part-*.parquet"))
        return {
            "day": partition_key,
            "rows": day["rows"],
            "quarantined_share": day["quarantined_share"],
            "digest": day["digest"],
            "files": files,
        }

    take_over()


sales_by_day()
