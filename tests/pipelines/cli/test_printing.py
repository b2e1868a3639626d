"""What people read: tables that fit a terminal, paths that can be copied, numbers with the right noun."""

import pytest

from pipelines.cli.quarantine import _print
from pipelines.cli.summary import print_summary, print_versions
from pipelines.core.text import counted

DIGEST = "55ba0c40a7cd639ac50247b7b5c002c75dffc98b296573fee6ed78ffb7a8e18b"
MODEL = f"file:///srv/a/long/path/of/a/store/fraud_detection/models/as_of=2026-01-09/seed=0/{DIGEST[:16]}"


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_registered_versions_fit_a_terminal_of_80_columns(capsys):
    version = {"version": 12, "champion": True, "as_of": "2026-01-09", "seed": 0}
    version |= {"verdict": "NOT_BETTER", "fate": "promoted", "rolled_back": False}
    version |= {"digest": DIGEST, "source": MODEL}
    old = version | {"champion": False, "rolled_back": True, "fate": "refused"}
    later = version | {"champion": False, "fate": "superseded"}
    print_versions("fraud_detection", [version, old, later])
    printed = capsys.readouterr().out
    for said in ("12", "champion", "rolled back", "superseded", "2026-01-09", DIGEST[:16]):
        assert said in printed
    assert "…" not in printed
    assert "False" not in printed


def test_the_models_address_stays_on_one_line(capsys):
    summary = {"pipeline": "p", "from": "2026-01-01", "to": "2026-01-02", "stages": {}}
    summary |= {
        "quarantined": {},
        "refused": [],
        "pages_missing": [],
        "metrics": {},
        "seeds": [],
    }
    summary |= {
        "verdict": "NOT_BETTER",
        "reason": "",
        "registered": None,
        "model": {"uri": MODEL},
    }
    print_summary(summary)
    assert f"model: {MODEL}" in capsys.readouterr().out.splitlines()


def test_a_cross_validation_is_a_table_of_each_metric_by_fold(capsys):
    values = [0.5, 0.75]
    folds = [
        {
            "fold": n,
            "metrics": {"auc": value, "auc_low": 0.1, "brier": value / 10},
            "digest": DIGEST,
        }
        for n, value in enumerate(values)
    ]
    over = {"auc": {"mean": 0.625, "sd": 0.1768}, "auc_low": {"mean": 0.1, "sd": 0.0}}
    over["brier"] = {"mean": 0.0625, "sd": float("nan")}
    summary = {"pipeline": "p", "from": "2026-01-01", "to": "2026-01-02", "stages": {}}
    summary |= {"quarantined": {}, "refused": [], "pages_missing": []}
    print_summary(summary | {"folds": folds, "over_folds": over})
    lines = capsys.readouterr().out.splitlines()
    (auc,) = (line for line in lines if "auc" in line)
    assert [part for part in auc.split() if part[0].isdigit()] == [
        *("0.5000", "0.7500", "0.6250", "0.1768"),
    ]
    assert any("fold 0" in line and "fold 1" in line for line in lines)
    assert any("nan" in line for line in lines if "brier" in line)


@pytest.mark.parametrize(
    ("days", "last", "wanted"),
    [
        (1, "2026-01-01", "p 2026-01-01: 1 of 816 rows quarantined (0.123%) on 1 day"),
        (
            2,
            "2026-01-02",
            "p 2026-01-01 to 2026-01-02: 1 of 816 rows quarantined (0.123%) on 2 days",
        ),
    ],
)
def test_quarantine_names_its_days(capsys, days, last, wanted):
    summary = {"pipeline": "p", "from": "2026-01-01", "to": last, "days": days, "rows_in": 816}
    summary |= {"rows_quarantined": 1, "refused": [], "rules": {}, "lines": [], "files": []}
    _print(summary)
    assert capsys.readouterr().out.splitlines()[0] == wanted


def test_one_is_singular():
    said = [
        counted(0, "row"),
        counted(1, "row"),
        counted(2000, "row"),
        counted(2, "key", "keys!"),
    ]
    assert said == ["0 rows", "1 row", "2,000 rows", "2 keys!"]
