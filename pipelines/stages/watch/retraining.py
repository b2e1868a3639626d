"""Whether a day's alarms ask for a new model, and what came of the one that was asked for before.

Why: drift lasts, and a model a day would not cure it; and who reads an alarm wants to know whether training
    again has been tried.
Promise: the cool-down counts the days that asked, as published for days before this one; never the clock.
    When an earlier day is watched later, the days that looked back on it are watched again
    (``followers``), so the order of days changes nothing in the end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.core.days import parse_day, shift
from pipelines.core.store import Manifest, Ref
from pipelines.protocol import Work
from pipelines.protocol.work import partition_named
from pipelines.spec.reach import known_by
from pipelines.spec.watching import DECAY, DRIFT
from pipelines.stages.watch.alarms import ESTIMATED, Alarm
from pipelines.stages.watch.beside import SCORES
from pipelines.stages.watch.measured import RECENT

MONITORING, ASKED = "monitoring", "asked_as_of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The last day within the cool-down that asked for a model.

    Attributes:
        day: The partition.
        as_of: As-of day of the model.
        evaluation: Of that model; None where it is not evaluated.
    """

    day: str
    as_of: str
    evaluation: Manifest | None

    def inputs(self) -> dict[str, str]:
        """What a day's result depends on."""
        found = "" if self.evaluation is None else self.evaluation.content
        return {f"{MONITORING} ds={self.day}": f"asked {self.as_of} {found}".strip()}

    def facts(self) -> dict[str, Any]:
        """As it is published: the verdict says whether training again was worth it."""
        outcome = {} if self.evaluation is None else self.evaluation.outcome
        return {
            "day": self.day,
            "as_of": self.as_of,
            "verdict": outcome.get("verdict", ""),
            "reason": outcome.get("reason", ""),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a day's alarms ask for.

    Attributes:
        as_of: As-of day of the model that is asked for; empty for none.
        because: The alarms that ask for one, cool-down or not.
        cooling_until: Last day of the cool-down that keeps them from it; empty for none.
        before: The day that asked last, and what came of it; None for none.
    """

    as_of: str
    because: tuple[str, ...]
    cooling_until: str
    before: dict[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        """As it is published."""
        return asdict(self)


def earlier(work: Work) -> Earlier | None:
    """The last day within the cool-down that asked for a model."""
    if not work.pipeline.watch.retraining.on:
        return None
    for key in reversed(_watched(work)):
        if _number(work, key) >= _number(work, work.day):
            continue
        if _apart(work, key, work.day) > work.pipeline.watch.retraining.cooldown_days:
            return None
        as_of = _asked(work, key)
        if as_of:
            return Earlier(day=key, as_of=as_of, evaluation=_evaluation(work, as_of))
    return None


def asked_of(work: Work, alarms: Sequence[Alarm], before: Earlier | None) -> Asked:
    """Whether the alarms of a day ask for a model."""
    retraining = work.pipeline.watch.retraining
    because = tuple(f"{a.kind} of {a.what}" for a in alarms if _asks(a, retraining.on))
    cooling = ""
    if before is not None:
        cooling = shift(known_by(work.pipeline, before.day), retraining.cooldown_days)
    as_of = shift(known_by(work.pipeline, work.day), 1) if because and before is None else ""
    facts = None if before is None else before.facts()
    return Asked(as_of=as_of, because=because, cooling_until=cooling, before=facts)


def followers(work: Work) -> Iterator[str]:
    """Later days that were watched already, and may have looked back on this one.

    Whoever is given a day must watch it again before taking the next: whether it asks for a model now
    decides how far the change reaches.
    """
    retraining, last = work.pipeline.watch.retraining, work.day
    if not retraining.on:
        return
    for key in _watched(work):
        if _number(work, key) <= _number(work, work.day):
            continue
        if _apart(work, last, key) > retraining.cooldown_days:
            return
        if work.find(work.partition_ref(SCORES, key)) is None:
            continue  # housekeeping removed what it was watched for: it stands as it is
        before = _asked(work, key)
        yield key
        if _asked(work, key) != before:
            last = key


def _asks(alarm: Alarm, on: Sequence[str]) -> bool:
    """An estimate, and what differs from the last weeks alone, ask for nothing."""
    if alarm.kind == DRIFT:
        return DRIFT in on and alarm.against != RECENT
    return alarm.kind == DECAY and DECAY in on and not alarm.what.startswith(ESTIMATED)


def _watched(work: Work) -> list[str]:
    """Partitions that were watched, oldest first."""
    keys = work.store.keys(work.pipeline.name, MONITORING)
    named = [partition_named(key) for key in keys if key.startswith("ds=")]
    return sorted(named, key=lambda key: _number(work, key))


def _number(work: Work, key: str) -> int:
    return work.pipeline.partitions().number(key)


def _apart(work: Work, one: str, other: str) -> int:
    ends = (parse_day(known_by(work.pipeline, key)) for key in (other, one))
    return (next(ends) - next(ends)).days


def _asked(work: Work, key: str) -> str:
    found = work.find(work.partition_ref(MONITORING, key))
    return "" if found is None else str(found.outcome.get(ASKED, ""))


def _evaluation(work: Work, as_of: str) -> Manifest | None:
    seed = work.pipeline.training.seed
    return work.find(Ref(work.pipeline.name, "evaluations", f"as_of={as_of}/seed={seed}"))
