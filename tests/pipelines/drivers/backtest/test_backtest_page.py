"""The page of a backtest, from results alone."""

import pytest

from pipelines.drivers.backtest.comparison import write_backtest
from pipelines.drivers.backtest.page import backtest_page, weekly_share


def day(number, events, caught):
    return {"day": f"2026-01-{number:02}", "events": events, "caught": caught}


def played(name, *, events=10, caught=6, precise=0.5):
    training = {"as_of": "2026-01-01", "why": "first", "used": True, "cpu_minutes": 0.4}
    return {
        "policy": name,
        "trained": 1,
        "used": 1,
        "events": events,
        "caught": caught,
        "missed": events - caught,
        "alerts": 100,
        "false_alerts": 100 - caught,
        "caught_share": caught / events if events else None,
        "average_precision": precise,
        "cpu_minutes": 0.4,
        "gpu_minutes": 0.0,
        "trainings": [training | {"reason": "<b>none</b> before it"}],
        "days": [day(n, events // 10, caught // 10) for n in range(1, 11)],
    }


def result(*policies):
    return {
        "pipeline": "fraud",
        "from": "2026-01-01",
        "to": "2026-01-10",
        "alert_entity": "card",
        "alerts_per_day": 100,
        "settings": [],
        "policies": list(policies),
    }


def test_the_page_has_a_line_and_a_dot_for_each_policy():
    page = backtest_page(result(played("never"), played("weekly", caught=8)), "Fraud")
    assert page.count("<polyline") == 2
    assert page.count("<circle") == 2
    assert "<b>8</b>" in page  # the policy that caught most
    assert "&lt;b&gt;none&lt;/b&gt; before it" in page
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("policies", [[], [played("never", events=0, caught=0, precise=None)]])
def test_a_page_without_events_is_a_page(policies):
    if policies:
        assert "<table>" in backtest_page(result(*policies), "Fraud")


def test_a_week_without_events_has_no_share():
    days = [day(n, 2, 1) for n in range(1, 8)] + [day(n, 0, 0) for n in range(8, 12)]
    assert weekly_share(days) == [0.5, None]


def test_the_files_are_written_whole_and_are_the_same_each_time(tmp_path):
    for folder in ("one", "two"):
        write_backtest(result(played("never")), "Fraud", tmp_path / folder)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["backtest.html", "backtest.json"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
