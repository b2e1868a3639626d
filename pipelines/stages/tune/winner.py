"""The settings that a search found, as a model run uses them.

Why: a model of a later day may use an earlier search, and must be able to say which.
Promise: reads published artifacts only; imports nothing heavy.
"""

import json
from typing import Any

from pipelines.core.errors import ConfigError, InputMissingError
from pipelines.core.store import Ref, Store

DATASET, WINNER = "tunings", "winner.json"
EVALUATED_ON = "judged_on"  # a published key: it keeps its name


def tuned_settings(store: Store, pipeline: str, tuned: str, as_of: str | None) -> list[str]:
    """Settings of the winner of the search as of a day, ``section.name=value``.

    Args:
        store: Where it is published.
        pipeline: Name of the pipeline.
        tuned: As-of day of the search.
        as_of: As-of day of the model that is to use them.

    Raises:
        InputMissingError: That search is not published.
        ConfigError: It is of a later day than the model: it was evaluated on the model's test days.
    """
    if as_of is not None and tuned > as_of:
        raise ConfigError(
            f"The model is as of {as_of} and the search as of {tuned}, a later day, so it was "
            f"evaluated on days that test the model. Use a search as of {as_of} or earlier."
        )
    manifest = store.find(Ref(pipeline, DATASET, f"as_of={tuned}"))
    if manifest is None:
        raise InputMissingError(
            f"{pipeline} has no published search as of {tuned}. Run tune {pipeline} --as-of {tuned} "
            f"first."
        )
    winner: dict[str, Any] = json.loads((store.open(manifest) / WINNER).read_text())
    return [str(setting) for setting in winner["settings"]]
