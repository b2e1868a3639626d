"""Identifiers that are planted in the sources are in the data, and in nothing else that is written or said."""

import os
import sys
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import millrace
from pipelines.cli import quarantine
from pipelines.core.errors import PipelineError, SchemaError
from pipelines.core.events import describe_error
from pipelines.core.masking import traceback_of
from pipelines.spec import Column, Training
from pipelines.stages.ingest.sources.row_blocks import arrow_block
from pipelines.stages.ingest.values.cast import from_text, from_typed
from tests.pipelines.api.planted import (
    FIRST,
    NAME,
    NUMBER,
    handle,
    leaks,
    said,
    signs_in,
    write,
)

DAY, AS_OF = str(FIRST), "2025-03-08"
N = str(NUMBER)


def edited(old, new, count=1):
    return lambda text: text.replace(old, new, count)


def lined(*lines):
    return lambda text: text + "\n".join(lines) + "\n"


def row(visit="7", patient=N, came=f"{DAY}T01:00:00", code=NAME, ward="a", age="3", back="0"):
    return ",".join((visit, patient, came, code, ward, age, back))


VISITS = {
    "an integer with letters": lined(row(patient=f"{N}x")),
    "an integer with a fraction": lined(row(patient=f"{N}.5")),
    "an integer with an exponent": lined(row(patient=f"{N[0]}.{N[1:]}e17")),
    "an integer that is too large": lined(row(patient=f"{N}{N}")),
    "an integer in hexadecimal": lined(row(patient=f"0x{N}")),
    "an integer with marks": lined(row(patient=f'"{N[:9]},{N}"')),
    "a text for an integer": lined(row(patient=NAME)),
    "no patient": lined(row(patient="")),
    "no insurance number": lined(row(code="")),
    "a patient out of bounds": lined(row(patient=f"{N}"[:-1])),
    "an id that is there twice": lined(row(), row()),
    "a row that is there twice": lambda text: text + text.splitlines()[3] + "\n",
    "a line with too many fields": lined(f"{row()},{NAME},{N}"),
    "a line with too few fields": lined(f"7,{N}", row()),
    "a last line that is cut": lambda text: f"{text}7,{N}",
    "a quotation mark within a value": lined(f'7,{N},{DAY}T01:00:00,"{NAME}"{NAME},a,3,0', row(visit="8")),
    "a value that is never closed": lined(f'7,{N},{DAY}T01:00:00,"{NAME},a,3,0'),
    "a value that swallows rows": lined(f'7,{N},{DAY}T01:00:00,"{NAME}', row(), row(), f'{NAME}",a,3,0'),
    "no header": lambda text: text.partition("\n")[2],
    "no header and another delimiter": lambda text: text.partition("\n")[2].replace(",", ";"),
    "another delimiter": lambda text: text.replace(",", ";"),
    "a column that is missing": lambda text: text.replace("code", "kode"),
    "a column that is there twice": edited("age", "code"),
    "a value of another set": lined(row(ward="c")),
    "a label that is no flag": lined(row(back="7")),
    "a time that is none": lined(row(came="soon")),
    "a time of another day": lined(row(came="1913-08-20T00:00:00")),
    "a time with an offset among others": lined(row(came=f"{DAY}T01:00:00Z")),
    "texts that no rule expects": lambda text: text.replace(NAME, f"x{NAME}"),
    "no text": lambda text: text + "\x00" + row(),
    "bytes that are no text": lambda text: text.encode() + row(code="\xe9" + NAME).encode("latin-1"),
    "no rows": lambda text: text.splitlines()[0] + "\n",
    "an empty file": lambda _: "",
    "a file of one long line": lambda text: text.replace("\n", " "),
    "far too many bad rows": lambda text: text.replace(",a,", ",c,").replace(",b,", ",c,"),
}  # fmt: skip
PEOPLE = {
    "a birth that is none": edited("1913-07-19", "1913-07-99"),
    "a birth in words": edited("1913-07-19", f"{NAME} in July"),
    "a weight in words": edited(",60,", f",{NAME},"),
    "a weight that is too large": edited(",60,", ",1913-07,"),
    "a word that is not declared": edited(",yes", f",{NAME}"),
    "a patient that is there twice": lambda text: text + text.splitlines()[2] + "\n",
    "a patient without a name": edited(f"{NAME}3,", ","),
}


def take_in(folder, table, partition, events, stages=("ingest", "validate")):
    """Ingest and validate a partition; whether a stage refused it, or rows went to quarantine."""
    bad = False
    for stage in stages:
        try:
            done = millrace.run_stage(
                stage, handle(), folder / "store", partition=partition, table=table,
                source=folder / "source", in_process=True, on_event=events.append,
            )  # fmt: skip
        except PipelineError as error:
            events.append(describe_error(error))
            return True
        bad |= bool(done["quarantined"]) or done["verdict"] != "accepted"
    return bad


def shown_by_commands(folder, table):
    """Everything that commands say of a store."""
    store = str(folder / "store")
    for json_ in (False, True):
        quarantine.quarantine(handle(), store, table=table, json_=json_)


@pytest.fixture
def source(tmp_path):
    write(tmp_path / "source", days=1)
    return tmp_path


class Outputs:
    """What is said and written by taking in a partition, without identifiers."""

    def __init__(self, capfd, caplog):
        self._capfd, self._caplog = capfd, caplog
        caplog.set_level(0)

    def of(self, folder, table, partition, **stages):
        events = []
        bad = take_in(folder, table, partition, events, **stages)
        if any((folder / "store").rglob("quarantine.parquet")):
            shown_by_commands(folder, table)
        self.check(folder, events)
        return bad

    def check(self, folder, events):
        text = said(events) + self._caplog.text + "".join(self._capfd.readouterr())
        assert signs_in(text) == []
        assert leaks(folder / "store") == {}


@pytest.fixture
def outputs(capfd, caplog):
    return Outputs(capfd, caplog)


def changed(path, change):
    found = change(path.read_text())
    path.write_bytes(found if isinstance(found, bytes) else found.encode())


@pytest.mark.parametrize("case", VISITS)
def test_a_bad_visit_is_taken_in_or_refused_without_identifiers(case, source, outputs):
    changed(source / "source/visits" / f"{DAY}.csv", VISITS[case])
    outputs.of(source, None, DAY, stages=("ingest",))


@pytest.mark.parametrize("case", PEOPLE)
def test_a_bad_patient_is_taken_in_or_refused_without_identifiers(case, source, outputs):
    changed(source / "source/patients.csv", PEOPLE[case])
    outputs.of(source, "patients", "all", stages=("ingest",))


def test_bad_rows_of_every_kind_are_quarantined_without_identifiers(source, outputs):
    rows = ["no patient", "no insurance number", "a patient out of bounds", "an id that is there twice",
            "a row that is there twice", "a line with too many fields", "a value of another set",
            "a label that is no flag", "a time of another day"]  # fmt: skip
    for case in rows:
        changed(source / "source/visits" / f"{DAY}.csv", VISITS[case])
    assert outputs.of(source, None, DAY)


@pytest.mark.slow
@pytest.mark.parametrize("case", [*VISITS, *PEOPLE])
def test_a_bad_delivery_is_validated_without_identifiers(case, source, outputs):
    table = None if case in VISITS else "patients"
    path = "patients.csv" if table else f"visits/{DAY}.csv"
    changed(source / "source" / path, (VISITS | PEOPLE)[case])
    assert outputs.of(source, table, "all" if table else DAY)


def test_a_chain_over_good_and_quarantined_rows_writes_no_identifiers(tmp_path, outputs):
    events = []
    write(tmp_path / "source")
    changed(tmp_path / "source/visits" / f"{DAY}.csv", lined(row(ward="c")))
    days = [str(date.fromordinal(FIRST.toordinal() + n)) for n in range(7)]
    take_in(tmp_path, "patients", "all", events)
    for day in days:
        take_in(tmp_path, None, day, events)
    given = {"in_process": True, "on_event": events.append}
    for day in days:
        millrace.run_stage("featurize", handle(), tmp_path / "store", partition=day, **given)
    for stage in ("validate_window", "preprocess"):
        millrace.run_stage(stage, handle(), tmp_path / "store", as_of=AS_OF, **given)
    shown_by_commands(tmp_path, None)
    outputs.check(tmp_path, events)
    assert any(path.suffix == ".html" for path in (tmp_path / "store").rglob("*"))


@pytest.mark.slow
def test_a_model_its_page_and_mlflow_have_no_identifiers(tmp_path, outputs, monkeypatch):
    declared = "from tests.pipelines.api.planted import planted\n\nPIPELINE = planted()\n"
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines/planted.py").write_text(declared)
    monkeypatch.setenv("MILLRACE_PIPELINES", str(tmp_path / "pipelines"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    write(tmp_path / "source")
    store, events = tmp_path / "store", []
    take_in(tmp_path, "patients", "all", events)
    millrace.run(
        "planted", store, source=tmp_path / "source", from_=DAY, to="2025-03-07", as_of=AS_OF
    )
    assert (store / "mlflow.db").exists()
    assert any((store / "planted").glob("models/*/*/*/mlflow_model"))
    outputs.check(tmp_path, events)
    few = handle(training=Training(min_rows=10**6, threads=1))
    with pytest.raises(PipelineError, match="min_rows") as caught:
        millrace.run_stage("train", few, store, as_of=AS_OF, in_process=True)
    outputs.check(tmp_path, [describe_error(caught.value)])


HIDDEN = {kind: Column("c", kind, sensitive=True) for kind in ("integer", "number", "timestamp", "flag")}  # fmt: skip
VALUES = st.one_of(
    st.from_regex(r"[A-Za-z0-9 .,:+-]{0,5}PLANTED[A-Za-z0-9 .,:+-]{0,90}", fullmatch=True),
    st.from_regex(r"[-+]?91827364554637[0-9]{0,30}([.,][0-9]{1,9})?([eE][0-9]{1,3})?x?", fullmatch=True),
    st.from_regex(r"1913-07-[0-9]{2}[T ]?[0-9]{2}(:[0-9]{2})?[^0-9]{0,3}", fullmatch=True),
)  # fmt: skip


def message(call, *given):
    try:
        call(*given)
    except SchemaError as error:
        return f"{error}{traceback_of(error)}"
    return ""


@given(VALUES, st.sampled_from(sorted(HIDDEN)), st.sampled_from(["", "%d.%m.%Y", "epoch_s"]))
def test_no_error_of_a_cast_shows_a_text_of_a_sensitive_column(value, kind, time_format):
    column = HIDDEN[kind]
    if kind == "timestamp":
        column = Column("c", kind, sensitive=True, time_format=time_format)
    values = pa.chunked_array([pa.array(["", value], pa.string())])
    assert signs_in(message(from_text, values, column, "f", str)) == []


TYPED = (
    [NUMBER, None],
    [float(NUMBER)],
    [float(NUMBER) + 0.5, 9.2e40],
    [Decimal(NUMBER) * 100],
    [NAME, NAME],
    [NAME.encode()],
    [date(1913, 7, 19)],
    [{"name": NAME}],
    [[NUMBER]],
)


@pytest.mark.parametrize("values", TYPED, ids=str)
@pytest.mark.parametrize("kind", [*HIDDEN, "text"])
def test_no_error_of_a_cast_shows_a_typed_value_of_a_sensitive_column(values, kind):
    column = Column("c", kind, sensitive=True, words={"a": 1} if kind == "flag" else None)
    found = message(from_typed, pa.chunked_array([pa.array(values)]), column, "f", str)
    assert signs_in(found) == []
    assert "1913" not in found


def test_some_of_them_are_refused_and_say_what_is_wrong_instead():
    values = pa.chunked_array([pa.array([f"{NUMBER}x"])])
    found = message(
        from_text, values, HIDDEN["integer"], "visits.csv", lambda n: f"line {n + 2}"
    )
    assert "column 'c' holds ••• (19 characters: digits, letters) in line 2" in found
    shown = message(from_text, values, Column("c", "integer"), "f", str)
    assert f"'{NUMBER}x'" in shown


def test_rows_of_a_database_whose_types_differ_are_reported_without_their_values():
    said = message(arrow_block, [[NUMBER], [NAME]], ["patient"], "The query", 0, {"patient"})
    assert "of type str in row 1" in said
    assert signs_in(said) == []
    assert NAME in message(arrow_block, [[NUMBER], [NAME]], ["patient"], "The query", 0)
