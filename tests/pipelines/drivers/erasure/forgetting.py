"""A store of patients' visits, and what a store without one of them is like."""

from datetime import date

import millrace
from pipelines.core.store import Store
from tests.pipelines.api.planted import FIRST, NUMBER, handle, write

GONE = NUMBER + 4
FIRST_DAYS = [date.fromordinal(FIRST.toordinal() + n) for n in range(3)]
DAYS = [str(day) for day in FIRST_DAYS]


def take_in(root, days=DAYS, stages=("ingest", "validate")):
    """Take in all tables of a source."""
    for stage in stages:
        given = {"source": root / "source", "in_process": True, "on_event": lambda event: None}
        millrace.run_stage(
            stage, handle(), root / "store", table="patients", partition="all", **given
        )
    for day in days:
        for stage in stages:
            millrace.run_stage(stage, handle(), root / "store", partition=day, **given)
        millrace.run_stage(
            "featurize", handle(), root / "store", partition=day, in_process=True
        )


def made(root, *, without=False):
    """A store; one whose source never had the patient, if asked."""
    write(root / "source", days=len(DAYS))
    if without:
        for path in (root / "source").rglob("*.csv"):
            lines = path.read_text().splitlines()
            path.write_text("\n".join(x for x in lines if str(GONE) not in x) + "\n")
    take_in(root)
    return root


def files_of(root, suffix=".parquet"):
    """The hash of each published data file, by the artifact and its name."""
    store = Store(str(root / "store"))
    found = {}
    for dataset in ("ingested", "validated", "features"):
        for key in store.keys("planted", dataset):
            manifest = store.find(millrace_ref(dataset, key))
            for name, facts in manifest.files.items():
                if name.endswith(suffix) and name != "quarantine.parquet":
                    found[dataset, key, name] = facts["sha256"]
    return found


def millrace_ref(dataset, key):
    """The artifact."""
    from pipelines.core.store import Ref

    return Ref("planted", dataset, key)
