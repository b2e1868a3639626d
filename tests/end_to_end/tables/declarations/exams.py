"""Heart exams: who falls ill in the year after one. A year is a partition; patients are a static table."""

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

PIPELINE = Pipeline(
    name="exams",
    title="Heart exams",
    meaning=__doc__,
    tables=(
        Table(
            name="exams",
            row_id=("patient", "examined"),
            event_time="examined",
            grain="year",
            source=Source(path="exams.csv", format="csv"),
            columns=(
                Column("patient", "integer", "Who was examined."),
                Column("examined", "timestamp", "When, UTC."),
                Column("systolic", "number", "Blood pressure.", unit="mmHg", nullable=True),
                Column("ill", "flag", "Whether illness followed.", words={"no": 0, "yes": 1}),
            ),
        ),
        Table(
            name="patients",
            row_id="patient",
            event_time=None,
            source=Source(path="patients.csv", format="csv"),
            columns=(
                Column("patient", "integer", "Names a patient."),
                Column("born", "integer", "Year of birth."),
                Column("sex", "text", "As entered.", nullable=True),
            ),
        ),
    ),
    examples="exams",
    entities=(Entity("patient", "patient"),),
    label=Label("ill", known_after_days=365),
    features=(
        Numeric("systolic"),
        Trailing("patient", ("count", "last"), (1096,), column="systolic"),
        Numeric("born", entity="patient", table="patients"),
        Categorical("sex", entity="patient", table="patients"),
    ),
    split=Split(train_days=6 * 365, gap_days=365, test_days=3 * 365, validation_days=365),
    evaluation=Evaluation(alert_entity="patient", alerts_per_day=1),
    schedule=Schedule(start="2001-01-01"),
)
