"""Values of the data where people read them: clipped, and without characters that act."""

import io
import json
import logging
import os
import re
import unicodedata
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.api.opening import PipelineHandle
from pipelines.cli import app, quarantine
from pipelines.core.errors import DeclarationError, PermanentError, TransientError, rebuild
from pipelines.core.events import Reporter, describe_error, to_log, to_pipe
from pipelines.core.text import every_text, for_page, message, plain, readable
from pipelines.process.output_lines import LineCutter
from pipelines.protocol import StageOutcome
from pipelines.spec import Column, load
from pipelines.spec.checks import require_valid
from tests.pipelines.shared.tables.made import done, published, transactions, write_source

FRAUD = load("fraud_detection")

HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07 \u202eevil\u2066 \x9b31m\x00\r <script>x</script> [red]no[/red]"
)
LONG = "m" * 10_000_000
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


@given(st.text(st.characters(exclude_categories=())), st.integers(20, 60))
def test_what_is_readable_prints_fits_its_limit_and_is_readable_again(text, limit):
    shown = readable(text, limit)
    assert len(shown) <= limit
    assert not CONTROL.search(shown)
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown)
    assert readable(shown, limit) == shown
    shown.encode("utf-8")
    lines = readable(text, limit, lines=True)
    assert not CONTROL.search(lines.replace("\n", "").replace("\t", ""))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("\u202eabc", r"\u202eabc"),
        ("a\nb", r"a\nb"),
        ("می‌خواهم 👩‍💻", "می‌خواهم 👩‍💻"),  # joiners are letters' business
        ("x" * 300 + "end", "x" * 149 + "…" + "x" * 47 + "end"),
        (None, "None"),
        (12.5, "12.5"),
    ],
)
def test_a_value_is_shown_as_it_is_or_by_its_escapes(text, shown):
    assert readable(text) == shown


def harmless(text):
    return not CONTROL.search(text) and len(text) < 100_000


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    """A day whose merchants are not shops: one is ten megabytes long, one full of sequences."""
    folder = tmp_path_factory.mktemp("hostile")
    table = transactions(60)
    merchants = ["shop"] * 57 + [HOSTILE, LONG, "\u202e[bold]x"]
    table = table.append_column("MERCHANT", pa.array(merchants))
    columns = (*FRAUD.table.columns, Column("merchant", "text", values=("shop",)))
    gate = replace(FRAUD.validation, mask=False, max_quarantined_share=0.5)
    declared = replace(FRAUD.table, columns=columns)
    pipeline = require_valid(replace(FRAUD, tables=(declared,), validation=gate))
    write_source(folder / "source", table)
    done("ingest", folder / "store", folder / "source", pipeline)
    reported = done("validate", folder / "store", None, pipeline)
    return folder / "store", pipeline, reported


def test_reports_pages_and_results_are_small_and_hold_no_control_characters(validated):
    store, _, reported = validated
    assert reported["quarantined"] == {"merchant.values": 3}
    assert harmless(json.dumps(reported, ensure_ascii=False))
    folder = published(store, "validated")
    for name in ("report.json", "report.html", "data_docs.json", "data_docs.html"):
        text = (folder / name).read_text()
        assert harmless(text), name
        assert "mmmm…mmmm" in text
        assert "x1b[2J" in text
        if name.endswith("html"):
            assert "<script" not in text


def test_the_quarantine_holds_the_rows_whole_and_what_the_rule_saw_clipped(validated):
    lines = pq.read_table(
        published(validated[0], "validated") / "quarantine.parquet"
    ).to_pylist()
    assert [line["merchant"] for line in lines] == [HOSTILE, LONG, "\u202e[bold]x"]
    assert max(len(line["_value"]) for line in lines) == 200


def test_the_command_shows_markup_as_text_and_sends_a_terminal_no_sequence(validated, capsys):
    store, pipeline, _ = validated
    handle = PipelineHandle(pipeline)
    quarantine.quarantine(handle, str(store))
    out = capsys.readouterr().out
    assert harmless(out.replace("\n", ""))
    assert "[bold]x" in "".join(out.split())
    quarantine.quarantine(handle, str(store), json_=True)
    assert harmless(capsys.readouterr().out)


@pytest.mark.parametrize(
    "error",
    [
        PermanentError(f"row 3: {HOSTILE}"),
        TransientError(LONG),
        DeclarationError("x", [HOSTILE, LONG]),
        ValueError(HOSTILE + LONG),
    ],
)
def test_an_error_is_reported_and_rebuilt_without_control_characters(error):
    read, write = os.pipe()
    Reporter("work", to_pipe(write)).error(error)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        (line,) = pipe.read().splitlines()
    event = json.loads(line)
    assert len(line) < 60_000
    for text in (str(event["message"]), event["traceback"], *map(str, event["args"])):
        assert harmless(text.replace("\n", ""))
    again = rebuild(event["cls"], event["args"], event["message"], event["kind"])
    assert harmless(str(again).replace("\n", ""))
    assert harmless(str(describe_error(error)["message"]).replace("\n", ""))


def test_logs_lines_and_events_are_cleaned_and_keep_their_line_breaks(caplog):
    caplog.set_level(logging.INFO, "millrace")
    to_log({"event": "log", "message": f"one\n{HOSTILE}"})
    assert harmless(caplog.records[-1].getMessage().replace("\n", ""))
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(app._Readable())
    handler.emit(logging.LogRecord("x", 20, "", 0, "a %s\nb", (HOSTILE,), None))
    assert harmless(stream.getvalue().replace("\n", ""))
    reported = []
    cutter = LineCutter(reported.append)
    cutter.feed(f"{HOSTILE}\n".encode())
    assert reported
    assert all(map(harmless, reported))


def test_a_reason_is_clean_before_it_is_in_a_manifest_or_an_xcom():
    assert harmless(StageOutcome(rows=0, reason=HOSTILE + LONG).facts()["reason"])


def test_a_template_prints_texts_cleaned_and_its_own_markup_as_it_is():
    from jinja2 import Environment
    from markupsafe import Markup

    template = Environment(autoescape=True, finalize=for_page).from_string(
        "{{ a }}{{ b }}{{ n }}"
    )
    page = template.render(a=HOSTILE, b=Markup("<b>"), n=1.5)
    assert harmless(page)
    assert page.endswith("<b>1.5")
    assert "<script" not in page


def test_long_lists_are_cut_and_keys_are_cleaned():
    assert plain([*"ab", *["c"] * 1000])[-1] == "… 802 more"
    assert len(plain([{"value": 1}] * 1000)) == 200
    assert list(plain({"\x1b": 1})) == [r"\x1b"]
    assert every_text({"a": ["\x1b", 1, {"b": "\u202e"}]}) == {
        "a": [r"\x1b", 1, {"b": r"\u202e"}]
    }
    assert message("a\n\tb") == "a\n\tb"
