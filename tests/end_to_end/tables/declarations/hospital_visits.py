"""Hospital visits: which patients come back within a month.

Nothing in the export names a visit, so patient and time of admission do. Patients are UUIDs, what is
not known is written ``?``, and whether a patient came back is often never learnt.
"""

from pipelines.spec import (
    Categorical,
    Column,
    Entity,
    Evaluation,
    Label,
    Numeric,
    Pipeline,
    Schedule,
    Source,
    Split,
    Table,
    Trailing,
)

CODES = tuple(f"code_{n:02}" for n in range(22))

PIPELINE = Pipeline(
    name="hospital_visits",
    title="Readmission",
    meaning=__doc__,
    tables=(
        Table(
            name="visits",
            row_id=("patient", "admitted"),
            event_time="admitted",
            source=Source(path="visits-{day}.csv", format="csv", nulls=("?",)),
            columns=(
                Column("patient", "text", "UUID of the patient."),
                Column("admitted", "timestamp", "When the visit began, UTC."),
                Column("hospital", "text", "Where.", sensitive=False),
                Column(
                    "ward", "text", "Which ward of it; unknown in emergencies.", nullable=True
                ),
                *(
                    Column(name, "text", "A code of the chart.", nullable=True)
                    for name in CODES
                ),
                Column("days", "integer", "Days in hospital.", unit="d", nullable=True),
                Column(
                    "readmitted",
                    "flag",
                    "Whether the patient came back within 30 days.",
                    nullable=True,
                    words={"<30": 1, ">30": 0, "NO": 0},
                ),
            ),
        ),
    ),
    examples="visits",
    entities=(Entity("patient", "patient"), Entity("ward", ("hospital", "ward"))),
    label=Label("readmitted", known_after_days=1),
    features=(
        Numeric("days"),
        *(Categorical(name) for name in ("hospital", "ward", *CODES[:4])),
        Trailing("patient", ("count", "days_since_last"), (7,)),
        Trailing("ward", ("count", "rate"), (7,), column="readmitted", delay_days=1),
    ),
    split=Split(train_days=5, gap_days=1, test_days=3),
    evaluation=Evaluation(alert_entity="patient", alerts_per_day=10),
    schedule=Schedule(start="2026-03-01"),
)
