"""What a partition's features wait for: earlier ones of their own table, and other tables."""

import numpy as np
import pytest

from pipelines.core.errors import HistoryNotReadyError, TableNotReadyError
from pipelines.protocol import perform, stage_named
from tests.pipelines.stages.featurize.clinic import (
    clinic,
    made_labs,
    made_patients,
    made_visits,
    publish,
)
from tests.pipelines.stages.featurize.validated import work_on

FEATURIZE = stage_named("featurize")


def test_monthly_visits_wait_for_yearly_values_and_then_for_their_own_history(tmp_path):
    pipeline, rng = clinic("month", "year", start="2024-01-01"), np.random.default_rng(0)
    months, years = pipeline.partitions(), pipeline.of_table("labs").partitions()

    def has(table, key, make, partitions):
        publish(pipeline, tmp_path, table, key, make(rng, 20, *bounds(partitions, key)))

    def bounds(partitions, key):
        return partitions.start(key), partitions.end(key)

    work = work_on(pipeline, tmp_path, "2025-01-01")
    has("visits", "2025-01", made_visits, months)
    publish(pipeline, tmp_path, "patients", "all", made_patients(rng))
    with pytest.raises(TableNotReadyError, match=r"of table labs .*\(2024\)"):
        perform(FEATURIZE, work.on("2025-01"))
    has("labs", "2024", made_labs, years)
    assert perform(FEATURIZE, work.on("2025-01"))["rows"] == 20
    has("visits", "2025-03", made_visits, months)
    with pytest.raises(HistoryNotReadyError, match="2025-02") as waiting:
        perform(FEATURIZE, work.on("2025-03"))
    assert not isinstance(waiting.value, TableNotReadyError)
