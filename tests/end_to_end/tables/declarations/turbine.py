"""Wind turbines: the power at the next reading. A Parquet file an hour."""

from pipelines.spec import (
    Column,
    Cyclic,
    Entity,
    Evaluation,
    Hour,
    Label,
    Numeric,
    Pipeline,
    Regression,
    Schedule,
    Source,
    Split,
    Standardise,
    Table,
    Trailing,
)

PIPELINE = Pipeline(
    name="turbine",
    title="Wind turbines",
    meaning=__doc__,
    time_zone="Europe/Berlin",
    tables=(
        Table(
            name="readings",
            row_id=("turbine", "read_at"),
            event_time="read_at",
            grain="hour",
            source=Source(path="{day}/{hour}.parquet"),
            columns=(
                Column("turbine", "text", "The turbine.", source_name="Turbine No."),
                Column("read_at", "timestamp", "When it was read."),
                Column("wind", "number", "Speed of the wind.", unit="m/s", low=0),
                Column("power", "number", "Power ten minutes later.", unit="kW"),
            ),
        ),
    ),
    examples="readings",
    entities=(Entity("turbine", "turbine"),),
    label=Label("power", known_after_days=0),
    features=(
        Numeric("wind") >> Standardise(),
        Hour("read_at") >> Cyclic(24),
        Trailing("turbine", ("mean",), (1,), column="wind") >> Standardise(),
    ),
    split=Split(train_days=1, gap_days=0, test_days=1),
    head=Regression(center=500, scale=300),
    evaluation=Evaluation(alert_entity="turbine"),
    schedule=Schedule(start="2026-03-27"),
)
