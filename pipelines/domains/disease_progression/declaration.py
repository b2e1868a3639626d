"""Disease progression: who of the patients without diabetes will be diagnosed with it within three years.

The records are those of the Medical Event Data Standard: a row for each birth, visit, test, diagnosis and death.
An example is a landmark: a visit after a year of records of a patient who has no diagnosis so far, at most one a
year. Death competes with the diagnosis, and a patient counts as long as the records are complete.
"""

from pipelines.domains.disease_progression import codes
from pipelines.spec import (
    Categorical,
    Column,
    CoxBaseline,
    DayGate,
    Entity,
    Evaluation,
    Feature,
    Gates,
    Landmarks,
    Limit,
    Meds,
    Model,
    Numeric,
    Outcome,
    Pipeline,
    Ratio,
    Rule,
    Schedule,
    Since,
    Split,
    Standardise,
    Subgroup,
    Survival,
    Table,
    Trailing,
    Training,
    Validation,
    WindowGate,
)

START = "2010-01-01"
YEAR, HORIZON_DAYS = 365, 1_095
LOOK_BACK = 5 * YEAR

TESTS = {
    "hba1c": codes.HBA1C,
    "glucose": codes.GLUCOSE,
    "hdl": codes.HDL,
    "pressure": codes.PRESSURE,
    "body_mass": codes.BODY_MASS,
}


def _of_code(name: str, code: str, expectation: str, **bounds: float) -> Rule:
    """A rule for the numbers of one test."""
    only = (("row_condition", f'code == "{code}"'), ("condition_parser", "pandas"))
    return Rule(name, expectation, (("column", "numeric_value"), *bounds.items(), *only))


def _test_rules() -> tuple[Rule, ...]:
    between = "expect_column_values_to_be_between"
    known = "expect_column_values_to_not_be_null"
    ranges = (
        _of_code(f"{name}.range", code, between, min_value=low, max_value=high)
        for name, code in TESTS.items()
        for low, high in (codes.BOUNDS[code],)
    )
    return (
        *ranges,
        *(_of_code(f"{name}.not_null", code, known) for name, code in TESTS.items()),
    )


# The years differ from one another as patients enter and leave: they are not compared.
ALONE = DayGate(days_back=0)

EVENTS = Table(
    name="events",
    row_id="event_id",
    event_time="time",
    grain="year",
    start=START,
    source=Meds(),
    validation=Validation(max_quarantined_share=0.01, rules=_test_rules(), days=ALONE),
    columns=(
        Column("event_id", "integer", "Follows from the content of the row."),
        Column("repeat", "integer", "1; more for a row that repeats another.", low=1, high=1),
        Column("subject_id", "integer", "The patient.", low=0),
        Column(
            "time",
            "timestamp",
            "When it was observed.",
            not_before="patients.born",
            not_after="patients.followed_until",
        ),
        Column("code", "text", "What was observed.", sensitive=False),
        Column("numeric_value", "number", "The result of a test.", nullable=True),
    ),
)

PATIENTS = Table(
    name="patients",
    row_id="subject_id",
    event_time=None,
    source=Meds(),
    columns=(
        Column("subject_id", "integer", "The patient.", low=0),
        Column("born", "timestamp", "Day of birth.", source_name=codes.BIRTH),
        Column(
            "sex", "text", "F or M.", source_name=codes.SEX, values=("F", "M"), sensitive=False
        ),
        Column(
            "family_history",
            "flag",
            "Whether a parent or sibling is known to have diabetes.",
            source_name=codes.FAMILY,
        ),
        Column(
            "followed_until",
            "timestamp",
            "End of the time for which the records are complete.",
            source_name=codes.END,
        ),
    ),
)

LANDMARKS = Table(
    name="landmarks",
    row_id="landmark_id",
    event_time="landmark_time",
    grain="year",
    start=START,
    source=Landmarks(
        table="events",
        entity="patient",
        where=("code", codes.VISIT),
        history_days=YEAR,
        free_of=(("code", (codes.DIABETES, codes.DEATH)),),
        every_days=YEAR,
    ),
    columns=(
        Column("landmark_id", "text", "Patient and day.", sensitive=True),
        Column("landmark_time", "timestamp", "The last second of the day of the visit."),
        Column("subject_id", "integer", "The patient.", low=0),
    ),
)


def _windows(
    code: str, *aggregates: str, spans_days: tuple[int, ...] = (LOOK_BACK,)
) -> Trailing:
    """Aggregates of the rows of a code."""
    return Trailing(
        "patient",
        aggregates,
        spans_days,
        column="numeric_value",
        where=("code", code),
        table="events",
    )


def _of_test(code: str) -> tuple[Feature, ...]:
    """What a test says of a patient: its values, their mean where there are some, and how often it was done."""
    sums = _windows(code, "sum", "count", spans_days=(YEAR, LOOK_BACK))
    means = (
        Ratio(sums.name("sum", days), sums.name("count", days)) >> Standardise()
        for days in sums.spans_days
    )
    values = _windows(code, "last", "min", "max", "slope", "days_since_last")
    return (values, sums, *means)


def _last(code: str) -> str:
    """Name of the last value of a test."""
    return _windows(code, "last").name("last", LOOK_BACK)


FEATURES = (
    Since("born", entity="patient", table="patients"),
    Categorical("sex", entity="patient", table="patients"),
    Numeric("family_history", entity="patient", table="patients"),
    *(feature for code in TESTS.values() for feature in _of_test(code)),
    _windows(codes.VISIT, "count", spans_days=(YEAR, LOOK_BACK)),
    _windows(codes.HYPERTENSION, "ever"),
    _windows(codes.SMOKER, "ever"),
    _windows(codes.NON_SMOKER, "ever"),
)

PIPELINE = Pipeline(
    name="disease_progression",
    title="Disease progression",
    meaning=__doc__,
    tables=(PATIENTS, EVENTS, LANDMARKS),
    examples="landmarks",
    entities=(Entity("patient", "subject_id"),),
    label=Outcome(
        table="events",
        entity="patient",
        where=("code", codes.DIABETES),
        horizon_days=HORIZON_DAYS,
        competing=("code", codes.DEATH),
        followed_until="patients.followed_until",
    ),
    features=FEATURES,
    split=Split(
        train_days=5 * YEAR,
        gap_days=HORIZON_DAYS,
        test_days=2 * YEAR,
        validation_days=YEAR,
        by="both",
        entity="patient",
    ),
    model=Model(hidden=(64, 64), dropout=0.3),
    training=Training(epochs=20, global_batch_rows=256, learning_rate=1e-3, optimizer="adamw"),
    head=Survival(cuts_days=(182, 365, 547, 730, 912, HORIZON_DAYS), competing=True),
    evaluation=Evaluation(
        alert_entity="patient",
        subgroups=(
            Subgroup("patient_sex"),
            Subgroup("patient_years_since_born", cuts=(50.0, 65.0)),
        ),
        baseline=CoxBaseline(("patient_years_since_born", *(_last(c) for c in TESTS.values()))),
    ),
    gates=Gates(limits=(("concordance", 0.7),)),
    validation=Validation(
        days=ALONE, window=WindowGate(rows_ratio=Limit(), psi=Limit(), js=Limit())
    ),
    schedule=Schedule(start=START, model_cron="0 0 1 1 *"),
)
