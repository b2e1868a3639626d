"""Every dataset of a real chain damaged: never a silent difference, always mended by what is said."""

import json
import os
import random
import shutil

import pytest

from pipelines.core.store import Store
from pipelines.core.store.walking import keys_below
from tests.pipelines.cli.test_usage import millrace
from tests.pipelines.drivers.test_chain import FIRST, SET, first_run, run, source

__all__ = ["first_run", "source"]
DAY, AS_OF = "2026-01-05", "2026-01-10"
BY_DAY = ("--partition", DAY, "--history-from", FIRST)
BY_MODEL = ("--as-of", AS_OF, *SET)
# What is read, by which stage, and who makes it.
READERS = [
    ("ingested", "validate", "ingest"),
    ("validated", "featurize", "validate"),
    ("features", "validate_window", "featurize"),
    ("features", "preprocess", "featurize"),
    ("training_set", "train", "preprocess"),
    ("models", "evaluate", "train"),
    ("models", "promote", "train"),
]
MADE_BY = {
    "ingest": ("ingested", BY_DAY),
    "validate": ("validated", BY_DAY),
    "featurize": ("features", BY_DAY),
    "validate_window": ("window_validations", BY_MODEL),
    "preprocess": ("training_set", BY_MODEL),
    "train": ("models", BY_MODEL),
    "evaluate": ("evaluations", BY_MODEL),
    "promote": ("promotions", BY_MODEL),
}

pytestmark = pytest.mark.slow


def flip(path, drawn):
    raw = bytearray(path.read_bytes())
    raw[drawn.randrange(len(raw))] ^= 1 << drawn.randrange(8)
    path.write_bytes(raw)


def truncate(path, drawn):
    os.truncate(path, drawn.randrange(path.stat().st_size))


def delete(path, _drawn):
    path.unlink()


def published(root):
    """Manifest and folder of every published version, by dataset."""
    store, found = Store(str(root)), {}
    for key in keys_below(store, "fraud_detection"):
        manifest = store.find(key.ref) if key.versions else None
        if manifest is not None:
            found.setdefault(key.ref.dataset, []).append(
                (manifest, key.folder / manifest.version)
            )
    return found


def contents(root):
    return {m.ref.path(): m.content for each in published(root).values() for m, _ in each}


@pytest.mark.parametrize("damage", [flip, truncate, delete])
def test_a_run_mends_one_damaged_file_of_every_dataset(damage, first_run, source):
    root, *_ = first_run
    before, drawn, hit = contents(root), random.Random(7), set()
    for versions in published(root).values():
        manifest, folder = drawn.choice(versions)
        files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.stat().st_size]
        files = [p for p in files if p.suffix != ".html"]  # a page keeps nobody from the rest
        chosen = drawn.choice(files)
        damage(chosen, drawn)
        # A flipped space in a manifest changes nothing that it says.
        if chosen.name != "manifest.json" or damage is not flip:
            hit.add(manifest.ref.path())
    verified = millrace("verify", "--store", root, "--json")
    assert verified.returncode == 3, verified.stderr
    assert {entry["artifact"] for entry in json.loads(verified.stdout)["damaged"]} >= hit
    again, _ = run(source, root)
    assert again.returncode == 3, again.stderr  # the day that is refused
    assert contents(root) == before
    assert millrace("verify", "--store", root).returncode == 0


@pytest.mark.parametrize(("dataset", "reader", "maker"), READERS)
def test_a_stage_that_would_read_it_says_what_to_run(dataset, reader, maker, first_run, source):
    root, *_ = first_run
    before, drawn = contents(root), random.Random(1)
    _, folder = next(
        (m, f) for m, f in published(root)[dataset] if m.key.startswith((f"ds={DAY}", "as_of"))
    )
    flip(
        drawn.choice(
            [
                p
                for p in sorted(folder.rglob("*.*"))
                if p.name != "manifest.json" and p.suffix != ".html"
            ]
        ),
        drawn,
    )
    made, _ = MADE_BY[reader]
    for manifest, other in published(root)[made]:
        if manifest.key.startswith((f"ds={DAY}", "as_of")):
            shutil.rmtree(other)

    def stage(name):
        where = ("--source", source) if name == "ingest" else ()
        _, of = MADE_BY[name]
        return millrace("stage", name, "fraud_detection", "--store", root, *where, *of)

    refused = stage(reader)
    assert refused.returncode == 3, refused.stderr
    assert f"Run {maker} for it again" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert stage(maker).returncode == 0
    assert stage(reader).returncode == 0
    assert contents(root) == before
