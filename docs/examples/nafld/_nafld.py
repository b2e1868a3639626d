"""What the three declarations of the NAFLD cohort have in common: tables, gate, features, network.

Everyone entered the cohort on the same made-up day, so a landmark a year later is one day for all. Patients, not
days, are divided into training and test, in five folds.
"""

import re
from dataclasses import dataclass

from pipelines.operators.operator import FeatureSource
from pipelines.spec import (
    Categorical,
    Column,
    CoxBaseline,
    DayGate,
    Entity,
    Evaluation,
    Feature,
    Fill,
    Gates,
    Landmarks,
    Limit,
    Measurements,
    Meds,
    Model,
    Outcome,
    Pipeline,
    Rule,
    Schedule,
    Since,
    Split,
    Standardise,
    Survival,
    Table,
    Trailing,
    Training,
    Validation,
    WindowGate,
)

ENTRY, LANDMARK_DAYS, YEAR = "2000-01-01", 365, 365
EARLIEST = "1954-01-01"
LIFETIME, HORIZON_DAYS, REPORTED_DAYS = 47 * 366, 3_652, 1_826
CUTS = (183, 365, 548, 731, 913, 1_096, 1_278, 1_461, 1_644, 1_826, 2_374, 2_922, 3_652)
TESTS = ("hdl", "sbp", "fib4", "smoke")
# The values of ``chol`` and ``dbp`` are those of ``hdl`` and ``sbp``.
COPIES = ("chol", "dbp")
RANGES = {"hdl": (1, 200), "chol": (1, 600), "sbp": (40, 300), "dbp": (20, 300)}
RANGES |= {"fib4": (0, 100), "smoke": (0, 1), "bmi": (8, 100)}
DEATH, ENTERED = "MEDS_DEATH", "COHORT_ENTRY"
DIAGNOSES = (
    "nafld", "diabetes", "htn", "dyslipidemia", "ang/isc", "stroke", "afib", "heart failure", "MI", "cardiac arrest",
)  # fmt: skip


def _range_of(code: str) -> Rule:
    low, high = RANGES[code]
    return Rule(
        f"{code}.range",
        "expect_column_values_to_be_between",
        (
            ("column", "numeric_value"),
            ("min_value", low),
            ("max_value", high),
            ("row_condition", f'code == "{code}"'),
            ("condition_parser", "pandas"),
        ),
    )


ALONE = DayGate(days_back=0)
GATE = Validation(
    # A third of the rows are copies under another name; the rest of what is found is below one percent.
    max_quarantined_share=0.6,
    budgets=tuple((f"{code}.range", 0.01) for code in RANGES),
    rules=tuple(map(_range_of, RANGES)),
    measurements=Measurements(
        code="code", value="numeric_value", by=("subject_id", "time"), trusted=("hdl", "sbp")
    ),
    min_rows=0,
    days=ALONE,
)
EVENTS = Table(
    name="events",
    row_id="event_id",
    event_time="time",
    grain="year",
    start=EARLIEST,
    source=Meds(),
    validation=GATE,
    columns=(
        Column("event_id", "integer"),
        Column(
            "repeat", "integer", "More than 1 for a row that repeats another.", low=1, high=1
        ),
        Column("subject_id", "integer", "The patient."),
        Column("time", "timestamp", "Days since entry.", not_after="patients.followed_until"),
        Column("code", "text", "Test, diagnosis, entry or death.", sensitive=False),
        Column("numeric_value", "number", "Result of a test.", nullable=True),
    ),
)
PATIENTS = Table(
    name="patients",
    row_id="subject_id",
    event_time=None,
    source=Meds(),
    columns=(
        Column("subject_id", "integer", "The patient."),
        Column("born", "timestamp", source_name="MEDS_BIRTH"),
        Column("sex", "text", source_name="GENDER//", values=("F", "M"), sensitive=False),
        Column("followed_until", "timestamp", source_name="FOLLOW_UP_END"),
    ),
)


def _landmarks(outcome: str) -> Table:
    source = Landmarks(
        table="events",
        entity="patient",
        since=("code", ENTERED),
        at_days=(LANDMARK_DAYS,),
        free_of=(("code", tuple(dict.fromkeys((outcome, DEATH)))),),
    )
    return Table(
        name="landmarks",
        row_id="landmark_id",
        event_time="landmark_time",
        grain="year",
        source=source,
        columns=(
            Column("landmark_id", "text"),
            Column("landmark_time", "timestamp"),
            Column("subject_id", "integer"),
        ),
    )


def _of_code(code: str, *aggregates: str, days: int = LIFETIME, called: str = "") -> Trailing:
    reads = any(
        a not in ("count", "ever", "days_since_last", "days_since_first") for a in aggregates
    )
    return Trailing(
        "patient",
        aggregates,
        (days,),
        column="numeric_value" if reads else None,
        where=("code", code),
        table="events",
        called=called,
    )


LAST_VALUES = (
    Since("born", entity="patient", table="patients"),
    Categorical("sex", entity="patient", table="patients"),
    *(_of_code(test, "last") for test in ("bmi", *TESTS)),
)


def _filled(sources: tuple[FeatureSource, ...]) -> tuple[Feature, ...]:
    """Windows with a flag for what was never measured."""
    return tuple(
        each >> Fill("mean", flag=True) >> Standardise() if isinstance(each, Trailing) else each
        for each in sources
    )


def _word(diagnosis: str) -> str:
    return re.sub("[^a-z]", "_", diagnosis.lower())


def _records(outcome: str) -> tuple[Trailing, ...]:
    """How the tests went, and what was diagnosed before, except the outcome."""
    diagnoses = [d for d in DIAGNOSES if f"DIAGNOSIS//{d}" != outcome]
    return (
        *(_of_code(test, "min", "max", days=3 * YEAR) for test in ("hdl", "sbp")),
        *(_of_code(test, "count", "days_since_last") for test in ("hdl", "sbp")),
        *(_of_code(f"DIAGNOSIS//{d}", "ever", called=_word(d)) for d in diagnoses),
    )


@dataclass(frozen=True)
class Outcomes:
    """One of the cohort's outcomes.

    Attributes:
        name: Name of the pipeline.
        title: One line for people.
        code: The event.
        epochs: Passes over the training rows: more where there are more events.
    """

    name: str
    title: str
    code: str
    epochs: int = 12


def declared(of: Outcomes, meaning: str | None) -> Pipeline:
    """The pipeline of an outcome."""
    return Pipeline(
        name=of.name,
        title=of.title,
        meaning=meaning,
        tables=(PATIENTS, EVENTS, _landmarks(of.code)),
        examples="landmarks",
        entities=(Entity("patient", "subject_id"),),
        label=Outcome(
            table="events",
            entity="patient",
            where=("code", of.code),
            horizon_days=HORIZON_DAYS,
            competing=None if of.code == DEATH else ("code", DEATH),
            followed_until="patients.followed_until",
        ),
        features=_filled((*LAST_VALUES, *_records(of.code))),
        split=Split(
            train_days=YEAR, gap_days=0, test_days=0, by="entity", entity="patient", folds=5
        ),
        head=Survival(CUTS),
        model=Model(hidden=(64, 64), dropout=0.3, members=4),
        training=Training(
            epochs=of.epochs,
            global_batch_rows=512,
            base_batch_rows=512,
            learning_rate=1e-3,
            optimizer="adamw",
            weight_decay=1e-3,
        ),
        evaluation=Evaluation(
            alert_entity="patient",
            horizons_days=(REPORTED_DAYS,),
            # What the model is to beat: age, sex and the last value of each test.
            baseline=CoxBaseline(tuple(n for each in LAST_VALUES for n in each.names())),
        ),
        gates=Gates(
            limits=((f"calibration_slope_{REPORTED_DAYS}d", (0.8, 1.25)),),
            min_gain_over_baseline=0.0,
        ),
        validation=Validation(
            days=ALONE, window=WindowGate(rows_ratio=Limit(), psi=Limit(), js=Limit())
        ),
        schedule=Schedule(start=ENTRY, model_cron="0 0 1 1 *"),
    )
