"""Names of a settlement's files, and reading them.

Promise: imports nothing heavy.
"""

import json
from pathlib import Path
from typing import Any

SETTLEMENTS = "settlements"
SETTLED, RESAMPLED = "settled.json", "resampled.parquet"


def read_settled(folder: Path) -> dict[str, Any]:
    """What a settlement's file says."""
    found: dict[str, Any] = json.loads((folder / SETTLED).read_text(encoding="utf-8"))
    return found
