"""Ports, secrets, room and the recorded window of a local Airflow."""

import socket
import stat

import pytest

from pipelines.core.errors import ConfigError, TransientError
from pipelines.drivers.local import machine
from pipelines.drivers.local.demo_window import Window
from pipelines.drivers.local.home import Home, read_json
from pipelines.drivers.local.machine import choose_port, require_disk
from pipelines.drivers.local.published import Published
from pipelines.spec import load
from pipelines.spec.simulation import simulation_of

NAME = "fraud_detection"
SIMULATION = simulation_of(NAME)


def recorded(home, **numbers):
    return Window.recorded(home, load(NAME), **numbers)


@pytest.fixture
def home(tmp_path):
    return Home.at(tmp_path / "home")


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_gives_the_next_free_one(taken):
    assert taken < choose_port(taken) < taken + machine.PORTS_TRIED


def test_no_free_port_says_which_were_tried(taken, monkeypatch):
    monkeypatch.setattr(machine, "PORTS_TRIED", 1)
    with pytest.raises(
        ConfigError, match=rf"Ports {taken} to {taken} are all taken\. .*--port"
    ):
        choose_port(taken)


def test_secrets_are_made_once_and_read_by_their_owner_alone(home):
    secrets = home.secrets()
    assert Home.at(home.root).secrets() == secrets
    assert read_json(home.passwords) == {"admin": secrets.password}
    for path in (home.passwords, home.root / "secrets.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_homes_have_other_secrets(home, tmp_path):
    assert Home.at(tmp_path / "other").secrets() != home.secrets()


def test_a_disk_too_small_says_how_much_the_rows_need(home):
    with pytest.raises(
        TransientError, match=r"GB free and 1,000,000,000,000 rows need [0-9.]+\."
    ):
        require_disk(home.root, 10**12)


def test_memory_for_not_even_one_stage_is_refused(monkeypatch):
    monkeypatch.setattr(machine, "STAGE_MEMORY_BYTES", 10**15)
    with pytest.raises(TransientError, match=r"of memory are free and Airflow with one stage"):
        machine.room()


def test_the_first_run_records_a_window_that_ends_yesterday(home):
    window = recorded(home, partitions=3, size=50, today="2026-03-02")
    assert window.all_partitions() == ["2026-02-27", "2026-02-28", "2026-03-01"]


def test_a_later_run_keeps_the_first_day_and_adds_the_days_since(home):
    first = recorded(home, partitions=3, size=50, today="2026-03-02")
    later = recorded(home, partitions=3, size=50, today="2026-03-04")
    assert (later.first, later.seed) == (first.first, first.seed)
    assert later.last == "2026-03-03"


def test_another_number_of_rows_is_refused_with_the_recorded_one(home):
    recorded(home, partitions=3, size=50, today="2026-03-02")
    with pytest.raises(
        ConfigError,
        match=r"has 3 days of fraud_detection of size 50, and 3 of 60 were asked for",
    ):
        recorded(home, partitions=3, size=60, today="2026-03-02")


def test_only_days_that_are_not_there_are_simulated(home):
    window = recorded(home, partitions=2, size=50, today="2026-03-02")
    reported = []
    assert window.write(SIMULATION, home, NAME, 1, lambda *done: reported.append(done)) > 0
    before = {day: file_of(home, day).read_bytes() for day in window.all_partitions()}
    assert window.write(SIMULATION, home, NAME, 1, lambda *done: reported.append(done)) == 0
    later = recorded(home, partitions=2, size=50, today="2026-03-03")
    assert later.missing_days(SIMULATION, home, NAME) == ["2026-03-02"]
    later.write(SIMULATION, home, NAME, 1, lambda *done: None)
    assert {day: file_of(home, day).read_bytes() for day in before} == before
    assert [done[:2] for done in reported] == [(1, 2), (2, 2)]


def test_days_that_nothing_is_published_for_are_lacking(home):
    window = recorded(home, partitions=2, size=50, today="2026-03-02")
    published = Published(pipeline=load(NAME), home=home, window=window)
    assert published.lacking() == ["2026-02-28", "2026-03-01"]
    assert not published.model_is_current("2026-03-02")
    assert published.manifests("ingest") == []


def test_a_window_of_years_ends_with_the_last_year_that_is_over(home):
    patients = load("disease_progression")
    asked = {"partitions": 16, "size": 1_000}
    window = Window.recorded(home, patients, **asked, today="2026-12-31")
    assert (window.first, window.last) == ("2010", "2025")
    assert (window.first_day, window.last_day) == ("2010-01-01", "2025-12-31")
    later = Window.recorded(home, patients, **asked, today="2027-01-01")
    assert (later.first, later.last, len(later.all_partitions())) == ("2010", "2026", 17)
    published = Published(pipeline=patients, home=home, window=window)
    assert published.lacking() == window.all_partitions()
    assert not published.may_derive("2010")
    assert [table.name for table in published.tables] == ["patients", "events", "landmarks"]
    # Each pipeline has a record of its own.
    assert recorded(home, partitions=3, size=50, today="2026-03-02").first == "2026-02-27"


def file_of(home, day):
    return home.source_of(NAME) / f"ds={day}" / "part-0.parquet"
