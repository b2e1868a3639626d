"""A section of CONTRIBUTING.md as a person follows it: its files, its edits and its commands.

A fenced block ``python`` that begins with ``# path`` is a new file. One of ``diff`` begins with ``# path`` too:
unmarked lines are looked up in that file, those marked ``+`` are added and ``-`` removed; ``@@`` parts
edits. Lines of ``sh`` blocks are commands, those of ``text`` what they print.
"""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = ("dags", "docs", "infra", "pipelines", "plugins", "tests")
FENCE = re.compile(r"^```(python|diff|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    kind: str
    text: str

    @property
    def path(self):
        return self.text.splitlines()[0].removeprefix("# ").strip()

    @property
    def body(self):
        return self.text.split("\n", 1)[1]


def blocks_of(section):
    """The blocks of the section with that heading, in their order."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.search(rf"^### {re.escape(section)}\n(.*?)(?=^##|\Z)", text, re.M | re.S)
    assert found, f"CONTRIBUTING.md has no section {section!r}"
    return [Block(*each) for each in FENCE.findall(found.group(1))]


def copy_of_the_tree(folder):
    """What a contributor has after ``git clone``, without what runs left there."""
    unwanted = shutil.ignore_patterns("__pycache__", ".*", "images")
    for name in TREE:
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    for path in (*ROOT.glob("*.md"), ROOT / "pyproject.toml"):
        shutil.copy(path, folder)
    return folder


def apply(block, folder):
    """Write the file, or make the edit."""
    path = folder / block.path
    if block.kind == "python":
        assert not path.exists(), f"{block.path} is there already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.body)
        return
    text = path.read_text()
    for hunk in block.body.split("@@\n"):
        text = edited(text, hunk, block.path)
    path.write_text(text)


def edited(text, hunk, path):
    lines = hunk.splitlines(keepends=True)
    before = "".join(line[1:] or line for line in lines if line[0] != "+")
    after = "".join(line[1:] or line for line in lines if line[0] != "-")
    assert text.count(before) == 1, f"{path} has {text.count(before)} times:\n{before}"
    return text.replace(before, after)


def follow(section, folder):
    """Do what a section says; a command that fails is the test's failure, with its output."""
    for block in blocks_of(section):
        if block.kind != "sh":
            apply(block, folder)
            continue
        for line in block.text.splitlines():
            run(line, folder)


def run(line, folder):
    words = shlex.split(line, comments=True)
    words = [sys.executable if word == "python" else word for word in words]
    ran = subprocess.run(
        words,
        cwd=folder,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{line}\n{ran.stdout[-4000:]}\n{ran.stderr[-2000:]}"
