"""A declared search: the settings to vary, their ranges, and the number of trials.

Why: a search must be readable beside the settings it changes.
Promise: trials are evaluated on days before the model's own test days, so no test day influences
    the choice.
Not here: running it (``pipelines/stages/tune/``).
"""

import json
from collections.abc import Iterator

from pipelines.core.declared import declared
from pipelines.spec.models import KINDS


@declared
class Range:
    """A setting that varies between two numbers, both included.

    Attributes:
        setting: ``section.name``, such as ``training.learning_rate``.
        low: Smallest value; an integer where the setting is one.
        high: Largest value.
        log: Whether to sample uniformly on a log scale.
    """

    setting: str
    low: float
    high: float
    log: bool = False


@declared
class Choice:
    """A setting that takes one of some values.

    Attributes:
        setting: ``section.name``, or ``model`` for the kind of network.
        values: Values of the setting's type; kinds of network by name (``deep_cross``).
    """

    setting: str
    values: tuple[object, ...]

    def texts(self) -> tuple[str, ...]:
        """The values in the form of ``--set``."""
        return tuple(value if isinstance(value, str) else _text(value) for value in self.values)


def _text(value: object) -> str:
    listed = list(value) if isinstance(value, tuple) else value
    return json.dumps(listed)


@declared
class Search:
    """How settings are searched for.

    A range whose setting the sampled kind of network does not have is not used in that trial.

    Attributes:
        space: The settings that vary; empty for no search.
        trials: Number of trials.
        first_epochs: Epochs after which the weaker trials are stopped for the first time.
        keep_one_in: Reduction factor: one in so many of the trials that reach a rung continues.
        seed: Seed of the sampler.
    """

    space: tuple[Range | Choice, ...] = ()
    trials: int = 20
    first_epochs: int = 2
    keep_one_in: int = 3
    seed: int = 0

    def kinds(self) -> tuple[str, ...]:
        """Kinds of network that a trial may use; empty where the declared one is used."""
        names = [
            item.texts()
            for item in self.space
            if isinstance(item, Choice) and item.setting == "model"
        ]
        return tuple(name for group in names for name in group if name in KINDS)

    def settings(self) -> Iterator[str]:
        """Settings that vary, in declared order."""
        return (item.setting for item in self.space)
