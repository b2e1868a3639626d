"""Exams by term: which of five grades does a student reach?"""

from pipelines.spec import (
    Column,
    Entity,
    Evaluation,
    Label,
    Numeric,
    Ordinal,
    Pipeline,
    Recurrent,
    Schedule,
    Sequence,
    Source,
    Split,
    Table,
)

EXAMS = Table(
    name="exams",
    grain="quarter",
    row_id="exam_id",
    event_time="sat",
    source=Source(path="exams-{year}-Q{quarter}.xlsx", format="excel", sheet="Results"),
    columns=(
        Column("exam_id", "integer"),
        Column("sat", "timestamp"),
        Column("student_id", "integer"),
        Column("hours", "number", low=0),
        Column("grade", "integer", words={"E": 0, "D": 1, "C": 2, "B": 3, "A": 4}),
    ),
)

PIPELINE = Pipeline(
    name="exam_grade",
    title="Grades of exams",
    meaning=__doc__,
    tables=(EXAMS,),
    examples="exams",
    entities=(Entity("student", "student_id"),),
    label=Label("grade", known_after_days=30),
    features=(
        Numeric("hours"),
        Sequence("student", columns=("hours",), steps=8, within_days=730),
    ),
    split=Split(train_days=1_095, gap_days=92, test_days=365),
    model=Recurrent(units=16),
    head=Ordinal(classes=5),
    evaluation=Evaluation(alert_entity="student"),
    schedule=Schedule(start="2020-01-01"),
)
