"""The window's days beside each other and the days behind them: refused without any champion."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.days import days_between, shift
from pipelines.core.errors import PartitionRefusedError
from pipelines.shared.tables.profile import profile_of
from pipelines.spec import DayGate, load, model_days
from pipelines.stages.validate.day_profile import merged, profile_rows
from tests.pipelines.made_models import done, publish, work_on
from tests.pipelines.shared.tables.made import canonical
from tests.pipelines.stages.validate.day_faults import FAULTS

AS_OF = "2026-03-01"
FRAUD = load("fraud_detection")
OWN = model_days(FRAUD, AS_OF)
BACK = days_between(shift(OWN.train[0], -10), shift(OWN.train[0], -1))


def table_of(day, faults):
    table = canonical(300, seed=int(day.replace("-", "")))
    return FAULTS[faults[day]][0](table, table) if day in faults else table


def publish_day(root, day, faults):
    """A validated day, and for a day of the window its features, which name the days behind it."""
    table = table_of(day, faults)
    reported = {"known": {day: merged([profile_rows(table, FRAUD)])}}
    outcome = {"rows": len(table), "verdict": "accepted"}
    _, work = work_on("validate", root)
    validated = publish(
        root,
        "validate",
        work.on(day),
        lambda out: (out / "profile.json").write_text(json.dumps(reported)),
        outcome=outcome,
        config={"fault": faults.get(day, "")},
    )
    return validated, len(table)


def publish_window(root, faults, back=BACK):
    """Every day of the window and behind it; features alike, as only days are compared here."""
    contents, rows = {}, {}
    for day in [*back, *OWN.all()]:
        manifest, rows[day] = publish_day(root, day, faults)
        contents[f"validated/ds={day}"] = manifest.content
    profile = profile_of(dict.fromkeys(FRAUD.feature_names(), np.arange(99.0)))
    for day in OWN.all():
        reported = {"rows": rows[day], "positives": 1, "profile": profile}
        behind = {n: c for n, c in contents.items() if n <= f"validated/ds={day}"}
        publish(
            root,
            "featurize",
            work_on("featurize", root)[1].on(day),
            lambda out, reported=reported: (out / "statistics.json").write_text(
                json.dumps(reported)
            ),
            outcome={"rows": rows[day]},
            inputs=behind,
        )


def with_days(**gate):
    return replace(FRAUD, validation=replace(FRAUD.validation, days=DayGate(**gate)))


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        (
            dict.fromkeys((OWN.train[1], OWN.train[2], OWN.train[4]), "labels all 0"),
            r"days.refuse: 2026-02-02: label_odds .*; 2026-02-03: label_odds .*; 2026-02-05: ",
        ),
        (
            {OWN.train[6]: "amounts x 100"},
            r"days.refuse: 2026-02-07: moved_share of tx_amount 0.9.* \(median \S+, usual \S+\)\. "
            r"Correct the source .* or name it in validation.days.excused",
        ),
        (
            {OWN.test[2]: "one row"},
            r"days.refuse: 2026-02-17: rows_ratio 300 \(1 rows, usual 300\)",
        ),
    ],
)
def test_broken_days_refuse_the_window_without_a_champion(tmp_path, faults, message):
    publish_window(tmp_path, faults)
    with pytest.raises(PartitionRefusedError, match=message):
        done("validate_window", tmp_path)
    (folder,) = (tmp_path / f"fraud_detection/window_validations/as_of={AS_OF}").glob("*/")
    report = json.loads((folder / "report.json").read_text())
    refused = {
        day["day"]
        for day in report["compared"]
        if any(d["level"] == "refuse" for d in day["differences"])
    }
    assert refused == set(faults)
    page = (folder / "report.html").read_text()
    assert "Beside other days" in page
    assert all(day in page for day in faults)
    allowed = done("validate_window", tmp_path, pipeline=with_days(excused=tuple(faults)))
    assert allowed["verdict"] == "accepted"


def test_good_days_pass_and_what_else_is_published_changes_nothing(tmp_path):
    publish_window(tmp_path, {})
    first = done("validate_window", tmp_path)
    assert (first["verdict"], first["reason"]) == (
        "accepted",
        "Drift was not evaluated: there is no champion of an earlier day.",
    )
    for day in days_between(shift(BACK[0], -3), shift(BACK[0], -1)):
        publish_day(tmp_path, day, {day: "amounts x 100"})
    publish_day(tmp_path, shift(OWN.test[-1], 1), {})
    assert done("validate_window", tmp_path)["cached"] is True


def test_warnings_are_reported_and_used_and_nothing_is_compared_where_none_is_asked_for(
    tmp_path,
):
    publish_window(tmp_path, {OWN.gap[0]: "every row twice"})
    reported = done("validate_window", tmp_path)
    assert reported["verdict"] == "accepted"
    assert reported["reason"].startswith(
        "days.warn: 2026-02-08: rows_ratio 2 (600 rows, usual 300)"
    )
    silent = done("validate_window", tmp_path, pipeline=with_days(days_back=0))
    assert "days" not in silent["reason"].split("Drift")[0]
