"""A declared search: which settings may vary, in which range, for how many trials.

Why: a search must be readable beside the settings it changes.
Promise: trials are judged on days that lie before the model's own test days began, so no test
    day has a part in the choice.
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
        low: Smallest value; a whole number where the setting is one.
        high: Largest value.
        log: Whether to draw evenly on a log scale.
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
        values: Values as the setting has them; kinds of network as words (``deep_cross``).
    """

    setting: str
    values: tuple[object, ...]

    def texts(self) -> tuple[str, ...]:
        """The values as ``--set`` takes them."""
        return tuple(value if isinstance(value, str) else _text(value) for value in self.values)


def _text(value: object) -> str:
    listed = list(value) if isinstance(value, tuple) else value
    return json.dumps(listed)


@declared
class Search:
    """How settings are searched for.

    A range whose setting the drawn kind of network does not have is left out of that trial.

    Attributes:
        space: What may vary; nothing means that there is no search.
        trials: Settings to try.
        first_epochs: Epochs after which the weaker trials are stopped for the first time.
        keep_one_in: Of the trials that reach a rung, the share that goes on: 1 in so many.
        seed: Seed of the draws.
    """

    space: tuple[Range | Choice, ...] = ()
    trials: int = 20
    first_epochs: int = 2
    keep_one_in: int = 3
    seed: int = 0

    def kinds(self) -> tuple[str, ...]:
        """Kinds of network that a trial may draw; empty where the declared one stays."""
        words = [
            item.texts()
            for item in self.space
            if isinstance(item, Choice) and item.setting == "model"
        ]
        return tuple(word for group in words for word in group if word in KINDS)

    def settings(self) -> Iterator[str]:
        """Settings that vary, in declared order."""
        return (item.setting for item in self.space)
