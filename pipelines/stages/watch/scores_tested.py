"""How the champion's scores were distributed on its test days, in the bins that a day's scores are counted in.

Why: the training days were seen in training, so scores on them are not those of new days.
"""

from pipelines.shared.scoring.decision import read_decision
from pipelines.stages.watch.beside import WatchedDay

FILE = "scores.parquet"


def tested_histograms(beside: WatchedDay, bins: int) -> dict[str, list[int]]:
    """Rows in each of so many equal bins of the probability, by test day; empty where they are gone.

    Args:
        beside: Names the model and its evaluation.
        bins: Number of bins of 0 to 1.
    """
    import numpy as np
    import pyarrow.parquet as pq

    if beside.evaluation is None or beside.model is None:
        return {}
    path = beside.work.store.open(beside.evaluation) / FILE
    # read_table would import pandas.
    file = pq.ParquetFile(path)
    names = set(file.schema_arrow.names)
    day, score = (f"_{name}" if f"_{name}" in names else name for name in ("day", "score"))
    if not {day, score} <= names:
        return {}
    table = file.read(columns=[day, score], use_threads=False)
    decision = read_decision(beside.work.store.open(beside.model))
    probability = decision.probability(table[score].to_numpy()).astype(np.float64)
    of = np.clip((probability * bins).astype(np.int64), 0, bins - 1)
    days = np.asarray(table[day].to_pylist())
    return {
        str(each): np.bincount(of[days == each], minlength=bins).tolist()
        for each in np.unique(days)
    }
