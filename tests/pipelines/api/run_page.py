"""Run the blocks of a page in order, in one process and an empty folder; write what each prints as JSON.

Usage: ``python run_page.py PAGE OUT [MORE]``: MORE is a heading to stop at; or a Python file whose ``check`` is
called after the page with its names, and what it returns is written too; or ``--write`` to replace the page's
outputs by what was printed.
"""

import contextlib
import io
import json
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)
WRITE = "--write"


def ran(kind, code, names):
    if kind == "sh":
        _, *argv = shlex.split(code)
        subprocess.run([sys.executable, *argv], check=True, stdout=subprocess.DEVNULL)
        return ""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "the page", "exec"), names)
    return printed.getvalue()


def rewritten(text, blocks):
    prints = iter(blocks)

    def replaced(found):
        shown = next(prints)["printed"]
        head = f"```{found[1]}\n{found[2]}```\n"
        return f"{head}\n```text\n{shown}```\n" if shown else head

    return BLOCK.sub(replaced, text)


def main(page, out, more=""):
    text, names, blocks, found = Path(page).read_text(), {}, [], {}
    end = text.index(more) if more.startswith("#") else len(text)
    for kind, code, shown in BLOCK.findall(text[:end]):
        blocks.append({"code": code, "shown": shown, "printed": ran(kind, code, names)})
    if more == WRITE:
        Path(page).write_text(rewritten(text, blocks))
    elif more.endswith(".py"):
        found = runpy.run_path(more)["check"](SimpleNamespace(**names))
    Path(out).write_text(json.dumps({"blocks": blocks, "found": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
