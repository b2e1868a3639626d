"""What the model of the page makes of rows in every form, and of rows that it cannot score."""

import json
import pickle

import numpy as np
import pyarrow as pa

from millrace.errors import PipelineError


def check(page):
    """Facts for ``test_page.py``; ``page`` has the names of the page's blocks."""
    rows = page.test.to_arrow()
    raw = page.test.to_arrow(list(page.model.columns))
    golden = json.loads((page.model.folder() / "golden.json").read_text())

    def scored(given):
        return page.model.score(given)["score"].to_pylist()

    def refused(given):
        try:
            return f"no error: {scored(given)}"
        except PipelineError as error:
            return f"{type(error).__name__}: {error}"

    nothing, nan = pa.nulls(len(raw), pa.float64()), pa.array([float("nan")] * len(raw))
    unknown = [scored(raw.set_column(0, "tx_amount", each)) for each in (nothing, nan)]
    another = page.store.dataset(page.fraud, "validated", partition="2026-01-03")
    return {
        "forms": {name: scored(given) for name, given in forms(page, rows, raw).items()},
        "dataset": scored(page.test),
        "sent": pickle.loads(pickle.dumps(page.model)).score(page.test)["score"].to_pylist(),
        "one by one": [scored(rows.slice(n, 1))[0] for n in (0, 7, len(rows) - 1)],
        "published": page.published["score"].to_pylist(),
        "golden": [scored(golden["rows"]), golden["predictions"]["score"]],
        "unknown": unknown,
        "finite": bool(np.isfinite(unknown[0]).all()),
        "wrong": {n: refused(w) for n, w in wrong(rows, raw).items()}
        | {"another dataset": refused(another)},
    }


def forms(page, rows, raw):
    return {
        "table": rows,
        "batch": raw.combine_chunks().to_batches()[0],
        "pandas": page.test.to_pandas(),
        "numpy pandas": rows.to_pandas(),
        "polars": page.test.to_polars(),
        "lists": rows.to_pydict(),
        "arrays": {name: raw[name].to_numpy() for name in raw.column_names},
        "other order": raw.select(raw.column_names[::-1]),
    }


def wrong(rows, raw):
    columns = rows.to_pydict()
    return {
        "no rows": rows.slice(0, 0),
        "no columns": {},
        "no table": 5,
        "one column missing": rows.drop_columns(["tx_amount"]),
        "another name": rows.rename_columns([name.upper() for name in rows.column_names]),
        "texts": raw.set_column(0, "tx_amount", pa.array(["12"] * len(raw))),
        "mixed": columns | {"tx_amount": ["a", *[1.0] * (len(rows) - 1)]},
        "nested": columns | {"tx_amount": [[1.0]] * len(rows)},
        "times": columns | {"tx_amount": columns["tx_datetime"]},
        "another length": columns | {"tx_amount": [1.0]},
        "no list": columns | {"tx_amount": 1.0},
        "a column twice": raw.append_column("tx_amount", raw["tx_amount"]),
    }
