"""A parent for tests to kill: runs a toy stage and prints its events, a JSON line each."""

# Printing is how it talks to the test.

import json
import sys

from pipelines.process.launch import run_stage

mode, *argv = sys.argv[1:]
run_stage(
    argv,
    module="tests.pipelines.process.toy_stage",
    server=mode == "server",
    on_event=lambda event: print(json.dumps(event), flush=True),
    on_line=lambda line: print(json.dumps({"event": "line", "line": line}), flush=True),
)
