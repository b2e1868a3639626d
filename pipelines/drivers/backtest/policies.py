"""Retraining policies as texts: ``monthly+drift,limit=0.2,use=always,split.train_days=14``.

Why: a policy is compared with others in one command, so it must fit on a line.
Promise: a text that is not a policy is refused with what may stand there.
Not here: what a trigger looks at (``triggers.py``), the replay (``replay.py``).
"""

import re
from dataclasses import dataclass
from datetime import date

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError

NEVER, WEEKLY, MONTHLY, DRIFT, DECAY = "never", "weekly", "monthly", "drift", "decay"
EVERY = re.compile(r"every-([1-9]\d{0,3})")
TRIGGERS = (NEVER, WEEKLY, MONTHLY, DRIFT, DECAY, "every-14")
BETTER, ALWAYS = "better", "always"
USES = (BETTER, ALWAYS)
DAYS_OF_WEEK = 7
# Commas within brackets belong to a value: model.hidden=[500,250].
COMMAS = re.compile(r",(?![^\[(]*[\])])")
OPTIONS = ("use", "drift", "decay", "cooldown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When models are made, of which settings, and which of them are used.

    Attributes:
        text: The policy as it was given; names it in results.
        triggers: What asks for a new model, each by itself; ``never`` keeps the first.
        use: ``better`` uses a model that passes its gates and is not worse than the one in use, on the new
            model's test rows; ``always`` uses every model that passes its gates.
        settings: ``section.name=value`` of its models.
        drift: Population stability index of an input above which ``drift`` asks for a model.
        decay: Loss of average precision, against the model's test days, above which ``decay`` does.
        cooldown_days: Days after a model within which ``drift`` and ``decay`` ask for no other.
    """

    text: str
    triggers: tuple[str, ...]
    use: str = BETTER
    settings: tuple[str, ...] = ()
    drift: float = 0.25
    decay: float = 0.1
    cooldown_days: int = 7

    def due(self, day: date, first: date) -> str:
        """The schedule by which a model is made as of a day; empty where none asks for it."""
        since = (day - first).days
        for trigger in self.triggers:
            every = _every_days(trigger)
            if (every and since % every == 0) or (trigger == MONTHLY and day.day == 1):
                return trigger
        return ""


def policy_of(text: str) -> Policy:
    """Read a policy.

    Args:
        text: Triggers joined by ``+``, then ``,name=value`` for each option or setting.

    Raises:
        ConfigError: A trigger, an option or a value is none.
    """
    triggers, *rest = COMMAS.split(text)
    given = dict[str, str]()
    settings = list[str]()
    for each in rest:
        name, equals, value = each.partition("=")
        if not (equals and value):
            raise _refused(text, f"{each!r} is not name=value")
        if "." in name:
            settings.append(each)
        elif name not in OPTIONS:
            raise _refused(text, f"there is no option {name!r}. {nearest(name, OPTIONS)}")
        elif given.setdefault(name, value) != value:
            raise _refused(text, f"{name} is given twice")
    use = given.get("use", BETTER)
    if use not in USES:
        raise _refused(text, f"use is {use!r}. {nearest(use, USES)}")
    return Policy(
        text=text,
        triggers=_triggers(text, triggers),
        use=use,
        settings=tuple(settings),
        drift=_number(text, "drift", given.get("drift", "0.25")),
        decay=_number(text, "decay", given.get("decay", "0.1")),
        cooldown_days=int(_number(text, "cooldown", given.get("cooldown", "7"), whole=True)),
    )


def _triggers(text: str, joined: str) -> tuple[str, ...]:
    found = tuple(joined.split("+"))
    for each in found:
        if each not in TRIGGERS[:-1] and not EVERY.fullmatch(each):
            raise _refused(text, f"there is no trigger {each!r}. {nearest(each, TRIGGERS)}")
    if len(set(found)) < len(found) or (NEVER in found and len(found) > 1):
        raise _refused(text, f"{joined!r} joins a trigger with itself, or with {NEVER}")
    return found


def _every_days(trigger: str) -> int:
    if trigger == WEEKLY:
        return DAYS_OF_WEEK
    every = EVERY.fullmatch(trigger)
    return int(every[1]) if every else 0


def _number(text: str, name: str, value: str, *, whole: bool = False) -> float:
    try:
        number = float(int(value) if whole else float(value))
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        kind = "a whole number of days" if whole else "a number"
        raise _refused(text, f"{name} must be {kind} from 0; got {value!r}")
    return number


def _refused(text: str, why: str) -> ConfigError:
    return ConfigError(
        f"--policy {text!r}: {why.rstrip('.')}. A policy is weekly, monthly, every-N (days), drift, decay or never, or "
        f"several joined by +, then options: use=better|always, drift=PSI, decay=LOSS, "
        f"cooldown=DAYS, and settings such as split.train_days=14, each after a comma."
    )
