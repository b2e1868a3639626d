"""Changes of the champion by several processes at once, some of which are killed on their way.

One process imports MLflow and forks the rest. Called with a prepared store whose champion is version 1
and in which a better model waits for its promotion, an empty folder, a number of rounds and a seed.
Prints one JSON line a round: what each process was to do and how it ended, and what the registry holds.
"""

import dataclasses
import json
import os
import random
import shutil
import sys
from functools import partial
from pathlib import Path

from pipelines import api
from pipelines.core.errors import PipelineError
from pipelines.stages.promote.champion import open_registry
from tests.pipelines.made_models import FRAUD, done
from tests.pipelines.stages.promote.killing import DIE, forked

PROCESSES = 4


def by_stage(root):
    done("promote", root)


def by_hand(root, number, **more):
    api.promote(FRAUD.name, root, number, why="by hand", who=f"process {os.getpid()}", **more)


def back(root, **more):
    api.rollback(FRAUD.name, root, why="back", who=f"process {os.getpid()}", **more)


WORK = {
    "stage": by_stage,
    "back": back,
    "back, expected": partial(back, expect=2),
    "one": partial(by_hand, number=1),
    "two": partial(by_hand, number=2),
    "one, expected": partial(by_hand, number=1, expect=2),
    "two, expected": partial(by_hand, number=2, expect=1),
}


def start(root, what, kill):
    """Fork a process that does one thing, and return its number."""
    child = os.fork()
    if child:
        return child
    try:
        if kill is not None:
            DIE[kill[0]](kill[1])
        WORK[what](root)
        os._exit(0)
    except PipelineError as error:
        (root / f"error-{os.getpid()}").write_text(str(error))
        os._exit(3)
    finally:
        os._exit(1)


def ended(root, child):
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    error = root / f"error-{child}"
    return code, error.read_text() if error.exists() else ""


def hold(root):
    held = open_registry(str(root), FRAUD.name).read()
    changes = [dataclasses.asdict(change) for change in held.changes]
    (root / "held.json").write_text(
        json.dumps({"champion": held.champion, "champions": held.champions, "changes": changes})
    )


def main():
    prepared, scratch, rounds, seed = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
    draw = random.Random(int(seed))
    for number in range(int(rounds)):
        root = scratch / str(number)
        shutil.copytree(prepared, root)
        if number % 2:  # the other model is registered, and the champion
            assert forked(partial(by_stage, root)) == 0
        todo = [draw.choice(list(WORK)) for _ in range(PROCESSES)]
        kills = [(draw.choice(list(DIE)), draw.randrange(8)) for _ in todo]
        kills = [each if draw.random() < 0.4 else None for each in kills]
        children = [start(root, what, kill) for what, kill in zip(todo, kills, strict=True)]
        ends = [(child, *ended(root, child)) for child in children]
        assert forked(partial(hold, root)) == 0
        held = json.loads((root / "held.json").read_text())
        print(json.dumps({"todo": todo, "kills": kills, "ends": ends, **held}), flush=True)
        shutil.rmtree(root)


main()
