"""docs/adding-a-pipeline.md, followed to the letter: from a file to an evaluated model."""

import os
import re
import shlex
import subprocess
import sys
import time

import pytest

from tests.contributing.recipe import FENCE, ROOT, Block, apply

PAGE = ROOT / "docs/adding-a-pipeline.md"
BLOCKS = [Block(*each) for each in FENCE.findall(PAGE.read_text())]
RUN = "millrace run"


class Walk:
    """A person at a terminal: a folder, and what the last commands printed."""

    def __init__(self, folder):
        self.folder, self.start, self.printed = folder, folder, ""

    def follow(self, block):
        if block.kind == "sh":
            self.printed = "".join(self.run(line) for line in block.text.splitlines())
        elif block.kind == "text":
            self.compare(block.text)
        else:
            apply(block, self.start)

    def run(self, line):
        words = shlex.split(line)
        if words[0] == "cd":
            self.folder /= words[1]
            return ""
        if words[0] == "millrace":
            words[:1] = ["python", "-m", "pipelines"]
        ran = subprocess.run(
            [sys.executable, *words[1:]],
            cwd=self.folder,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "plugins")))},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{line}\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"
        return ran.stdout

    def compare(self, shown):
        """Each line of the page is among what was printed or is in a file, but for its numbers."""
        files = [path for path in self.folder.rglob("*") if path.suffix in {".py", ".csv"}]
        there = self.printed + "\n".join(path.read_text() for path in files)
        have = {plain(line) for line in there.splitlines()}
        wanted = [line for line in shown.splitlines() if line.strip() not in {"", "..."}]
        assert [line for line in wanted if plain(line) not in have] == []


def plain(line):
    """A line without its numbers, and without the name that the program was started by."""
    renamed = line.replace("python -m pipelines", "millrace").strip()
    return re.sub(r"[0-9a-f]{16}|\d[\d.,]*", "#", renamed)


def test_the_page_up_to_its_check(tmp_path):
    walk = Walk(tmp_path)
    for block in BLOCKS:
        if block.text.startswith(RUN):
            break
        walk.follow(block)
    assert walk.printed.count("ok  ") == len(walk.printed.strip().splitlines())


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_page_ends_in_an_evaluated_model(tmp_path):
    walk, began = Walk(tmp_path), time.monotonic()
    evaluated = ""
    for block in BLOCKS:
        walk.follow(block)
        evaluated = walk.printed if block.text.startswith(RUN) else evaluated
    print(f"docs/adding-a-pipeline.md was followed in {time.monotonic() - began:.0f} s")
    assert "quarantined rows: none" in evaluated
    assert re.search(r"^verdict: (BETTER|NOT_BETTER|REJECTED)\. ", evaluated, re.MULTILINE)
    assert "refused" not in evaluated
