"""Convert the NAFLD tables, cross-validate a model of each outcome, and compare each with the Cox baseline.

    python docs/examples/nafld/compare.py TABLES WORK [--fold-seed 1] [--outcome death]

``TABLES`` has nafld1.parquet, nafld2.parquet and nafld3.parquet; ``WORK`` gets the MEDS dataset and the store. A second
call does nothing again.
"""

import argparse
import os
import statistics
from pathlib import Path
from typing import Any

from convert import convert

HERE = Path(__file__).resolve().parent
OUTCOMES = ("diabetes", "hypertension", "death")
SHOWN = ("concordance", "uno_c", "auc_1826d", "brier_1826d", "ibs", "calibration_slope_1826d")
LESS_IS_BETTER = ("brier_1826d", "ibs")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument(
        "--outcome", choices=OUTCOMES, action="append", help="one of them alone"
    )
    parser.add_argument("--fold-seed", type=int, default=0, help="another draw of the folds")
    given = parser.parse_args()
    os.environ["MILLRACE_PIPELINES"] = str(HERE)
    source = given.work / "meds"
    if not (source / "data" / "0.parquet").exists():
        convert(given.tables, source)
    for outcome in given.outcome or OUTCOMES:
        summary = cross_validated(outcome, source, given.work / "store", given.fold_seed)
        print("\n".join(lines_of(outcome, summary["folds"])), flush=True)  # noqa: T201


def cross_validated(outcome: str, source: Path, store: Path, fold_seed: int) -> dict[str, Any]:
    """The summary of a run: a landmark a year after entry, ten years of follow-up."""
    import millrace

    pipeline = millrace.pipeline(f"nafld_{outcome}", settings={"split.fold_seed": fold_seed})
    return millrace.run(
        pipeline,
        str(store),
        source=str(source),
        from_="2000-01-01",
        to="2000-12-31",
        as_of="2011-01-01",
        folds=True,
    )


def lines_of(outcome: str, folds: list[dict[str, Any]]) -> list[str]:
    """A table of each metric: the mean over folds, the baseline's, and their paired difference."""
    lines = [f"{outcome:<26} {'model':>8} {'Cox':>8}  difference by fold (mean, sd), better in"]
    for name in SHOWN:
        own = [fold["metrics"][name] for fold in folds]
        over = [fold["metrics"][f"{name}_over_baseline"] for fold in folds]
        better = sum(d < 0 if name in LESS_IS_BETTER else d > 0 for d in over)
        mean = statistics.fmean(own)
        lines.append(
            f"  {name:<24} {mean:8.4f} {mean - statistics.fmean(over):8.4f}  "
            f"{statistics.fmean(over):+.4f} ({statistics.stdev(over):.4f}), {better} of {len(folds)}"
        )
    return lines


if __name__ == "__main__":
    main()
