"""Days on which rows became known: file names and digests, for tables whose rows arrive late.

Why: a run as of a past day must read what was known then, and must be found done when nothing
    that was known then has changed.
Promise: only manifests are read. Without ``Table.known_time`` this module has no effect.
Not here: the versions of a row (``versions.py``).

A validated day lists the days on which rows of it became known; a day's features have one table
for each of them, with the rows and versions that were known by the end of that day.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath

from pipelines.core.store import Manifest, digest_of

FIRST_PART, FIRST_STATISTICS = "part-0.parquet", "statistics.json"
KNOWN_FOLDER, LATE_PART, LATE_STATISTICS = "known/", "part-known=", "statistics-known="


def known_name(known: str) -> str:
    """Name of the file of a validated day with the digest of its rows known by the end of a day."""
    return f"{KNOWN_FOLDER}{known}.sha256"


def part_name(day: str, known: str) -> str:
    """Name of the feature table of a day with the rows known by the end of another day."""
    return FIRST_PART if known == day else f"{LATE_PART}{known}.parquet"


def statistics_name(day: str, known: str) -> str:
    """Name of the statistics of the same rows."""
    return FIRST_STATISTICS if known == day else f"{LATE_STATISTICS}{known}.json"


def known_days(manifest: Manifest | None) -> tuple[str, ...]:
    """Days on which rows of a validated day became known, in order; empty without known times."""
    names = manifest.files if manifest is not None else ()
    return tuple(sorted(_stem(name) for name in names if name.startswith(KNOWN_FOLDER)))


def content_as_known(manifest: Manifest, cuts: Iterable[str]) -> str:
    """Digest of a validated day as it was known by the ends of some days.

    Rows that became known later do not change it, so that work which could not have used them is
    not done again.
    """
    days = known_days(manifest)
    if not days:
        return manifest.content
    seen = (max((day for day in days if day <= cut), default="") for cut in cuts)
    return digest_of([manifest.files[known_name(day)]["sha256"] if day else "" for day in seen])


def part_as_of(manifest: Manifest, as_of: str) -> str:
    """Name of a day's feature table as known when the as-of day began."""
    return _as_of(manifest, as_of, LATE_PART, FIRST_PART)


def statistics_as_of(manifest: Manifest, as_of: str) -> str:
    """Name of the statistics of that table."""
    return _as_of(manifest, as_of, LATE_STATISTICS, FIRST_STATISTICS)


def _as_of(manifest: Manifest, as_of: str, prefix: str, first: str) -> str:
    late = (name for name in manifest.files if name.startswith(prefix))
    return max((n for n in late if _stem(n.removeprefix(prefix)) < as_of), default=first)


def _stem(name: str) -> str:
    return PurePosixPath(name).stem
