"""Settings as parameters of MLflow: one level of short texts.

Why: training and promotion write to the same run, and a parameter cannot change its value.
"""

import json
from collections.abc import Mapping
from typing import Any

MAX_PARAM_CHARS = 500


def flat_params(config: Mapping[str, Any]) -> dict[str, str]:
    """Nested settings as ``section.name`` with their values as text, cut at MLflow's maximum length.

    A plan and its manifest, read back from JSON, give the same.
    """
    plain = json.loads(json.dumps(config))
    return {name: str(value)[:MAX_PARAM_CHARS] for name, value in _flat(plain, "").items()}


def _flat(config: Mapping[str, Any], prefix: str) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in config.items():
        nested = isinstance(value, Mapping)
        flat |= _flat(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
    return flat
