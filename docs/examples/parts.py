"""Parts of declarations that none of the whole ones here needs."""

from pipelines.spec import (
    Categorical,
    LakeTable,
    Landmarks,
    Limit,
    Measurements,
    Meds,
    Model,
    Numeric,
    QuantileNormal,
    Since,
    Source,
    Standardise,
    Training,
    Visits,
    Vocabulary,
)

PARTS = (
    Categorical("shop") >> Vocabulary(min_count=10, max_size=50_000),
    LakeTable(path="warehouse/visits", connection="warehouse", time_zone="UTC"),
    Landmarks(
        table="events",
        entity="patient",
        history_days=365,
        free_of=(("code", ("E11", "death")),),
        every_days=365,
    ),
    Limit(warn=0.1, refuse=0.5),
    Meds(path="records", root="s3://hospital", connection="hospital_s3"),
    Measurements(code="test", value="reading", by=("patient_id", "taken"), trusted=("hdl",)),
    Model(hidden=(500,), dropout=0.2, embedding_dim=8),
    Numeric("value") >> QuantileNormal(n=100),
    Since("born", entity="patient", table="patients"),
    Source(path="events.csv.zip", format="csv", nulls=("", "NA"), max_rejected_share=0.02),
    Visits(
        "patient",
        code="test",
        column="value",
        codes=("hdl", "sbp"),
        events=("E11",),
        steps=16,
        within_days=3650,
        table="labs",
    )
    >> Standardise(),
    Training(epochs=30, optimizer="adamw", schedule="cosine", warmup_epochs=1.0),
)
