"""What a scored day is compared with: every artifact, found and named by its digest.

Why: an alarm must be repeated to the bit by a retry or a backfill, so all that it follows from is planned.
Promise: only manifests are read. Days count as they were known when the day was over; nothing that was
    published for later days is looked at.
Not here: the measures (``pipelines/shared/drift/``), earlier alarms (``retraining.py``).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipelines.core.days import shift
from pipelines.core.errors import InputMissingError
from pipelines.core.partitions import ALL, NOMINAL_DAYS
from pipelines.core.store import Manifest, Ref
from pipelines.protocol import Work
from pipelines.shared.tables.known_days import statistics_as_of
from pipelines.shared.tables.window import FEATURES, features_version
from pipelines.spec import Label, model_days
from pipelines.spec.reach import known_by
from pipelines.spec.split import TRAIN

SCORES, SETTLEMENTS = "scores", "settlements"
SCORES_FILE, SETTLED_FILE = "scores.json", "settled.json"
SETTLED_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedDay:
    """The artifacts behind a watched day.

    Attributes:
        work: The day's.
        scores: Its scores.
        features: Its features.
        champion: ``version``, ``as_of``, ``seed`` and ``digest`` of the model that scored it.
        model: The model; None where it is gone.
        training: Features of that model's training days with rows, by day.
        recent: Features of the days before with rows, by day.
        recent_scores: Scores of the days before by the same version, by day.
        labelled: Newest partition whose labels are known when the day is over; empty for none.
        labels: Features of that partition and of the days before it, with rows, by day.
        settled: What was settled in the last days, by day.
        evaluation: Of the model; None where it is gone.
    """

    work: Work
    scores: Manifest
    features: Manifest
    champion: Mapping[str, Any]
    model: Manifest | None
    training: Mapping[str, Manifest]
    recent: Mapping[str, Manifest]
    recent_scores: Mapping[str, Manifest]
    labelled: str
    labels: Mapping[str, Manifest]
    settled: Mapping[str, Manifest]
    evaluation: Manifest | None

    def inputs(self) -> dict[str, str]:
        """Digest of everything, by name."""
        own = {
            SCORES: self.scores.content,
            FEATURES: _statistics_digest(self.features, self.after),
        }
        named = {
            "training": {
                d: _statistics_digest(m, self.trained) for d, m in self.training.items()
            },
            "before": {d: _statistics_digest(m, self.after) for d, m in self.recent.items()},
            "labels": {d: _statistics_digest(m, self.after) for d, m in self.labels.items()},
            SCORES: {d: _file_digest(m, SCORES_FILE) for d, m in self.recent_scores.items()},
            SETTLEMENTS: {d: _file_digest(m, SETTLED_FILE) for d, m in self.settled.items()},
        }
        whole = {"model": self.model, "evaluation": self.evaluation}
        own |= {
            name: manifest.content for name, manifest in whole.items() if manifest is not None
        }
        return own | {f"{n} ds={d}": v for n, each in named.items() for d, v in each.items()}

    @property
    def after(self) -> str:
        """The day on which the partition is over."""
        return shift(known_by(self.work.pipeline, self.work.day), 1)

    @property
    def trained(self) -> str:
        """The champion's as-of day."""
        return str(self.champion["as_of"])

    def statistics(self, manifest: Manifest, as_of: str) -> dict[str, Any]:
        """The statistics of features as known when a day began."""
        return self._json(manifest, statistics_as_of(manifest, as_of))

    def scored(self, manifest: Manifest) -> dict[str, Any]:
        """What the scores of a day add up to."""
        return self._json(manifest, SCORES_FILE)

    def settlement(self, manifest: Manifest) -> dict[str, Any]:
        """What was settled when a day was over."""
        return self._json(manifest, SETTLED_FILE)

    def _json(self, manifest: Manifest, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.work.store.read_file(manifest, name))
        return found


def beside(work: Work) -> WatchedDay:
    """Find what a day is compared with.

    Raises:
        InputMissingError: The day has no scores, or no features.
    """
    scores, features = (work.need(work.partition_ref(name)) for name in (SCORES, FEATURES))
    champion = dict(scores.config["model"])
    model = work.store.find_version(_model_ref(work, "models", champion), champion["digest"])
    days = 7 * work.pipeline.watch.weeks_back
    recent = _published(work, FEATURES, _days_before(work, days))
    scored = _published(work, SCORES, recent)
    labelled = _labelled(work)
    before = [*_days_before(work.on(labelled), days), labelled] if labelled else []
    labels = _published(work, FEATURES, before)
    return WatchedDay(
        work=work,
        scores=scores,
        features=features,
        champion=champion,
        model=model,
        training=_training(work, champion, model),
        recent=recent,
        recent_scores={d: m for d, m in scored.items() if _same(m, champion)},
        labelled=labelled if labelled in labels else "",
        labels=labels,
        settled=_published(
            work, SETTLEMENTS, [*_days_before(work, SETTLED_DAYS - 1), work.day]
        ),
        evaluation=work.find(_model_ref(work, "evaluations", champion)),
    )


def _published(work: Work, dataset: str, days: Iterable[str]) -> dict[str, Manifest]:
    found = {day: work.find(work.partition_ref(dataset, day)) for day in days}
    return {d: m for d, m in found.items() if m is not None and m.outcome["rows"]}


def _same(scores: Manifest, champion: Mapping[str, Any]) -> bool:
    return bool(scores.config["model"]["digest"] == champion["digest"])


def _days_before(work: Work, days: int) -> list[str]:
    """Partitions that end in so many days before the work's own begins, none before the data."""
    own, key = work.pipeline.partitions(), work.day
    if own.grain == ALL or not days:
        return []
    back = max(round(days / NOMINAL_DAYS[own.grain]), 1)
    return own.between(
        max(own.shift(key, -back), own.of_day(work.history_from)), own.shift(key, -1)
    )


def _labelled(work: Work) -> str:
    """The newest partition whose labels are known by the end of the work's own; empty for none."""
    own, label = work.pipeline.partitions(), work.pipeline.label
    if own.grain == ALL or not isinstance(label, Label):
        return ""
    last = shift(own.last_day(work.day), -label.settled_days())
    key = own.of_day(last)
    key = key if own.last_day(key) <= last else own.shift(key, -1)
    return key if own.last_day(key) >= work.history_from else ""


def _training(
    work: Work, champion: Mapping[str, Any], scoring: Manifest | None
) -> dict[str, Manifest]:
    """Features of the champion's training days: those it was made of, or what replaced them."""
    made, model = _training_set(work, champion, scoring), replace(work, as_of=champion["as_of"])
    days = (
        model_days(work.pipeline, champion["as_of"]).train
        if made is None
        else made.config["days"][TRAIN]
    )
    digests = {} if made is None else made.inputs
    found = {day: _features(model, day, digests.get(f"{FEATURES}/ds={day}")) for day in days}
    return {d: m for d, m in found.items() if m is not None and m.outcome["rows"]}


def _training_set(
    work: Work, champion: Mapping[str, Any], model: Manifest | None
) -> Manifest | None:
    ref = Ref(work.pipeline.name, "training_set", f"as_of={champion['as_of']}")
    content = None if model is None else model.inputs.get("training_set")
    now = work.find(ref)
    if now is None or now.content == content:
        return now
    return next((each for each in work.store.versions(ref) if each.content == content), now)


def _features(model: Work, day: str, digest: str | None) -> Manifest | None:
    if digest is not None:
        try:
            return features_version(model, day, digest)
        except InputMissingError:
            pass  # housekeeping removed it: what replaced it is the nearest that there is
    return model.find(model.partition_ref(FEATURES, day))


def _model_ref(work: Work, dataset: str, champion: Mapping[str, Any]) -> Ref:
    key = f"as_of={champion['as_of']}/seed={champion['seed'] or 0}"
    return Ref(work.pipeline.name, dataset, key)


def _statistics_digest(manifest: Manifest, as_of: str) -> str:
    return _file_digest(manifest, statistics_as_of(manifest, as_of))


def _file_digest(manifest: Manifest, name: str) -> str:
    return str(manifest.files[name]["sha256"])
