"""The arrays of a published training set, one day after another.

Why: whoever wants to try another model on the very rows that a network was trained on.
Promise: the arrays are those that training reads, in its order.
"""

import json
from pathlib import Path
from typing import Any

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.core.store import Manifest
from pipelines.spec import PARTS

INDEX, ARRAY = "index.json", ".npy"


def arrays_of(manifest: Manifest, part: str, folder: Path) -> dict[str, Any]:
    """The arrays of one part, by name.

    Raises:
        ConfigError: The artifact is not a training set, or has no such part.
    """
    import numpy as np

    from pipelines.operators.bfloat16 import widened

    if INDEX not in manifest.files:
        raise ConfigError(
            f"{manifest.ref.path()} is not a training set, so it has no arrays. Read its tables with "
            f"to_arrow(), or choose the dataset 'training_set'."
        )
    if part not in PARTS:
        raise ConfigError(f"A training set has no part {part!r}. {nearest(part, PARTS)}")
    days = json.loads((folder / INDEX).read_bytes())[part]
    names = [name for name, file in (days[0] if days else {}).items() if _is_array(file)]
    return {
        name: np.concatenate([widened(np, np.load(folder / day[name])) for day in days])
        for name in names
    }


def _is_array(file: object) -> bool:
    return isinstance(file, str) and file.endswith(ARRAY)
