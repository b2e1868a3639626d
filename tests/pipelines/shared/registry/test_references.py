"""Whatever is done in whatever order, what a registry, a question or a score needs is never removed.

Small artifacts stand for days, training sets, models, evaluations, promotions and scores; they are
published through the real store, registered in a real registry, and removed by the real housekeeping.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import api
from pipelines.core.errors import ConfigError
from pipelines.core.store import Manifest, Ref, Store
from pipelines.core.store.root import VERSION
from pipelines.shared.registry import champion_on
from pipelines.shared.registry.client import open_client
from pipelines.stages.promote.champion import open_registry
from tests.pipelines.core.store.making import publish

NAME = "fraud_detection"
DAYS = ["2026-01-01", "2026-01-02"]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A store with a registry of no model."""
    root = tmp_path_factory.mktemp("empty")
    open_client(f"sqlite:///{root}/mlflow.db").create_registered_model(NAME)
    return root


@dataclass
class Life:
    """A store, and what a person would note of it: who was made from whom, and what is needed.

    Attributes:
        root: Its folder.
        made: What each version was made from, by its artifact and folder.
        published: The published version of each artifact.
        asked: Evaluations that no promotion followed yet.
        held: Models that are registered, their evaluations, and promotions.
        evaluated: The newest model of each day with its evaluation.
    """

    root: object
    made: dict = field(default_factory=dict)
    published: dict = field(default_factory=dict)
    asked: set = field(default_factory=set)
    held: set = field(default_factory=set)
    evaluated: dict = field(default_factory=dict)
    manifests: dict = field(default_factory=dict)

    def publish(self, dataset, key, *sources, outcome=None):
        """Publish something of other bytes than anything before, made from the newest of these."""
        ref, text = Ref(NAME, dataset, key), f"{dataset} {len(self.made)}"
        named = {ref_name: self.manifests[source] for ref_name, source in sources}
        inputs = {name: each.content for name, each in named.items()} or {"source": text}
        own = {"config": {"made": text}, "text": text, "outcome": outcome}
        manifest = publish(Store(str(self.root)), ref=ref, inputs=inputs, **own)
        name = (ref.path(), manifest.version)
        self.made[name] = [source for _, source in sources]
        self.published[ref.path()], self.manifests[name] = name, manifest
        return name

    def newest(self, dataset, key):
        path = Ref(NAME, dataset, key).path()
        return self.published.get(path) or self.publish(dataset, key)

    @property
    def registry(self):
        return open_registry(str(self.root), NAME)

    # What may happen. Each takes a day and a number, and does nothing where it cannot be.

    def remake_day(self, day, _number):
        self.publish("features", f"ds={day}")

    def train(self, day, number):
        """Train and evaluate with other settings."""
        key = f"as_of={day}"
        fitted = self.publish(
            "training_set", key, ("features", self.newest("features", f"ds={day}"))
        )
        model = self.publish("models", f"{key}/seed=0", ("training_set", fitted))
        verdict = {"verdict": "BETTER" if number % 3 else "NOT_BETTER"}
        judged = self.publish("evaluations", f"{key}/seed=0", ("model", model), outcome=verdict)
        self.evaluated[day] = (model, judged)
        if verdict["verdict"] == "BETTER":
            self.asked.add(judged)

    def register(self, day, number):
        """Register the newest model, promote it or not, and be killed before that is published or not."""
        if day not in self.evaluated:
            return
        model, judged = self.evaluated[day]
        manifest: Manifest = self.manifests[model]
        tags = {"as_of": day, "seed": "0", "digest": manifest.digest}
        source = f"file://{self.root}/{model[0]}/{model[1]}/mlflow_model"
        client = open_client(self.registry.uri)
        made = client.create_model_version(NAME, source, tags=tags)
        self.held |= {model, judged}
        if number % 2:
            self.registry.promote(int(made.version))
        if number % 3:
            named = ("model", model), ("evaluation", judged)
            self.held.add(self.publish("promotions", f"as_of={day}/seed=0", *named))
            self.asked.discard(judged)

    def promote(self, _day, number):
        with suppress(ConfigError):  # no such version
            self.registry.promote(number)

    def roll_back(self, _day, _number):
        with suppress(ConfigError):  # no earlier champion
            self.registry.rollback()

    def score(self, day, _number):
        champion = champion_on(self.registry.read(), day)
        if champion is None:
            return
        model = next(n for n, m in self.manifests.items() if m.digest == champion.digest)
        day_table = self.newest("features", f"ds={day}")
        scores = self.publish("scores", f"ds={day}", ("features", day_table), ("model", model))
        self.publish("settlements", f"ds={day}", ("scores", scores))

    def clean(self, _day, _number):
        """Remove what nobody needs, and look whether that was it."""
        dry = api.housekeeping(NAME, self.root, keep_versions=0, keep_days=0, dry_run=True)
        assert self.there() == set(self.made)
        done = api.housekeeping(NAME, self.root, keep_versions=0, keep_days=0)
        assert done == dry
        assert self.there() == self.needed()
        for name in self.needed():
            Store(str(self.root)).open(self.manifests[name])
        self.forget(set(self.made) - self.needed())

    def there(self):
        folders = (self.root / NAME).glob("*/**/manifest.json")
        versions = [f.parent for f in folders if VERSION.fullmatch(f.parent.name)]
        return {(str(v.parent.relative_to(self.root)), v.name) for v in versions}

    def needed(self):
        """What is published, registered or asked about, and all that it was made from."""
        found, new = set(), {*self.published.values(), *self.held, *self.asked}
        while new:
            found |= new
            new = {source for name in new for source in self.made[name]} - found
        return found

    def forget(self, gone):
        self.made = {name: made for name, made in self.made.items() if name not in gone}


ACTIONS = ("remake_day", "train", "register", "promote", "roll_back", "score", "clean")
TURN = st.tuples(st.sampled_from(ACTIONS), st.sampled_from(DAYS), st.integers(0, 5))


def live(empty, folder, turns):
    life = Life(shutil.copytree(empty, folder / "store"))
    for action, day, number in [*turns, ("clean", DAYS[0], 0)]:
        getattr(life, action)(day, number)
    return life


FOUND = [  # a champion whose as-of day is made again three times with other settings
    ("train", DAYS[0], 1),
    ("register", DAYS[0], 1),
    *[("train", DAYS[0], number) for number in (3, 3, 3)],
]
CHAINED = [
    *FOUND,
    ("score", DAYS[0], 0),
    ("register", DAYS[0], 5),
    ("remake_day", DAYS[0], 0),
    ("train", DAYS[0], 2),
    ("clean", DAYS[0], 0),
    ("roll_back", DAYS[0], 0),
    ("score", DAYS[1], 0),
    ("train", DAYS[0], 0),
]


@pytest.mark.parametrize(("turns", "removed"), [(FOUND, 6), (CHAINED, 6)])
def test_a_champion_whose_day_was_made_again_and_again_keeps_what_it_needs(
    empty, tmp_path, turns, removed
):
    life = live(empty, tmp_path, turns)
    champion = life.registry.read().current()
    model = next(n for n, m in life.manifests.items() if m.digest == champion.digest)
    assert model in life.there()
    assert len(life.manifests) - len(life.there()) == removed


@pytest.mark.parametrize(
    "rounds", [6, pytest.param(200, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_whatever_the_order_what_is_needed_stays_and_all_else_goes(
    empty, tmp_path_factory, rounds
):
    @settings(max_examples=rounds, deadline=None)
    @given(st.lists(TURN, min_size=4, max_size=14))
    def lives(turns):
        live(empty, tmp_path_factory.mktemp("life"), turns)

    lives()
