"""Titles of baselines on the model card."""

import pytest

from pipelines.stages.evaluate.card_report import beside_of
from pipelines.stages.evaluate.heads.protocol import MetricText


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Incidence of the training rows", "Incidence of the training rows"),
        ("Cox model of age, sex", "Cox model of age, sex"),
        ("Cox model of age, sex, hdl", "Cox model of 3 features"),
    ],
)
def test_many_features_are_counted_in_the_column_and_listed_below(title, shown):
    baseline = {
        "title": title,
        "facts": {"rows": 100, "events": 20},
        "metrics": {"ibs": 0.2},
        "difference_intervals": {"ibs": (-0.1, 0.1)},
    }
    found = beside_of(
        {"metrics": {"ibs": 0.1}, "baselines": [baseline]}, {"ibs": MetricText("IBS", "")}
    )
    assert found["titles"] == [shown]
    assert found["facts"][0].startswith(f"{title}: fitted to 100 training rows")
