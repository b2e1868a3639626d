import dataclasses
import json
import math
import pickle
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.days import shift
from pipelines.core.errors import ConfigError, DeclarationError
from pipelines.spec import (
    As,
    Bucketize,
    Builder,
    Categorical,
    Clip,
    Column,
    Cyclic,
    Entity,
    Evaluation,
    Fill,
    Hash,
    Hour,
    Label,
    Log,
    Numeric,
    Outcome,
    Pipeline,
    QuantileBuckets,
    Ratio,
    Rule,
    Schedule,
    Split,
    Standardise,
    Table,
    Trailing,
    Validation,
    Vocabulary,
    declared_names,
    load,
    model_days,
    require_valid,
    with_settings,
)

FRAUD = load("fraud_detection")


def replaced(**changes):
    return dataclasses.replace(FRAUD, **changes)


def test_every_declared_pipeline_is_valid():
    for name in declared_names():
        assert load(name).name == name


def test_the_fraud_pipeline_has_the_handbooks_fifteen_columns_and_three_ratios_of_them():
    names = FRAUD.feature_names()
    assert len(names) == 15
    assert names[:4] == ("tx_amount", "during_weekend", "during_night", "customer_count_1d")
    assert names[-1] == "terminal_rate_tx_fraud_30d"
    assert FRAUD.look_back_days() == 37
    inputs = FRAUD.program().numeric()
    assert inputs[:15] == names
    ratio = "tx_amount_per_customer_mean_tx_amount_{}d_log"
    assert inputs[15:] == tuple(ratio.format(days) for days in (1, 7, 30))


def test_an_unknown_pipeline_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="Did you mean 'fraud_detection'"):
        load("fraud_detecton")


def test_every_mistake_is_listed_at_once_with_the_nearest_spelling():
    wrong = replaced(
        evaluation=Evaluation(alert_entty="customer"),
        features=(Trailing("custmer", ("cout",), (1,)), Numeric("tx_amuont")),
        validation=Validation(rules=(Rule("r", "expect_x", (), severity="warn"),)),
    )
    with pytest.raises(DeclarationError) as caught:
        require_valid(wrong)
    text = str(caught.value)
    for hint in ("alert_entity", "customer", "count", "tx_amount", "warning"):
        assert f"Did you mean {hint!r}" in text
    assert len(caught.value.problems) == 7


def test_a_missing_field_is_a_mistake_and_not_a_crash():
    with pytest.raises(DeclarationError, match="Column: 'type' is missing"):
        require_valid(
            replaced(tables=(dataclasses.replace(FRAUD.table, columns=(Column("x"),)),))
        )


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({"features": (Numeric("tx_fraud"),)}, "a feature must not contain it"),
        (
            {"features": (Trailing("terminal", ("rate",), (7,), column="tx_fraud"),)},
            "before it is known. Use delay_days=7",
        ),
        ({"split": Split(train_days=7, gap_days=3, test_days=7)}, "Use at least that many"),
        ({"features": (Numeric("tx_amount"), Numeric("tx_amount"))}, "declared twice"),
        ({"schedule": Schedule(start="2026-02-30")}, "not a calendar day"),
        ({"buckets": 0}, "buckets must be above 0; got 0"),
        ({"examples": "transaction"}, "Did you mean 'transactions'"),
        ({"name": "Fraud"}, "lower-case"),
    ],
)
def test_declarations_that_leak_or_cannot_run_are_refused(changes, reported):
    with pytest.raises(DeclarationError, match=reported):
        require_valid(replaced(**changes))


@pytest.mark.parametrize(
    ("setting", "reported"),
    [
        ("label.known_after_days=-1", "a label is known after its day at the earliest; got -1"),
        ("training.seed=-1", "training.seed must be from 0 to 4294967295; got -1"),
        ("training.seed=4294967296", "training.seed must be from 0"),
        ("training.min_rows=-1", "training.min_rows must be 0 or more"),
        ("evaluation.bootstrap_samples=0", "bootstrap_samples must be above 0"),
        ("evaluation.bootstrap_samples=-1", "bootstrap_samples must be above 0"),
    ],
)
def test_numbers_that_no_run_can_use_are_refused_before_it(setting, reported):
    with pytest.raises(DeclarationError, match=reported):
        with_settings(FRAUD, [setting])


@pytest.mark.parametrize(
    ("day", "days"), [("0001-01-02", -2), ("9999-12-31", 1), ("2026-01-05", -(10**8))]
)
def test_a_day_outside_the_calendar_is_a_mistake_and_no_overflow(day, days):
    with pytest.raises(ConfigError, match=f"{abs(days):,} days .* outside the calendar"):
        shift(day, days)


def test_a_declaration_error_survives_a_trip_through_pickle():
    error = DeclarationError("p", ["a", "b"])
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problems) == (str(error), ("a", "b"))


def test_the_form_carries_long_form_visits_with_outcomes_known_late():
    labs = Table(
        name="labs",
        row_id="lab_id",
        event_time="measured",
        columns=(
            Column("lab_id", "integer"),
            Column("measured", "timestamp"),
            Column("patient_id", "integer"),
            Column("test", "text", values=("hdl", "chol", "sbp")),
            Column("value", "number", nullable=True),
        ),
    )
    events = Table(
        name="events",
        row_id="event_id",
        event_time="happened",
        columns=(
            Column("event_id", "integer"),
            Column("happened", "timestamp"),
            Column("patient_id", "integer"),
            Column("event", "text"),
        ),
    )
    progression = Pipeline(
        name="disease_progression",
        title="Progression to diabetes",
        tables=(labs, events),
        examples="labs",
        entities=(Entity("patient", "patient_id"),),
        label=Outcome("events", "patient", ("event", "diabetes"), horizon_days=365),
        features=tuple(
            Trailing("patient", ("mean",), (90, 365), column="value", where=("test", test))
            for test in ("hdl", "chol", "sbp")
        ),
        split=Split(train_days=365, gap_days=365, test_days=180),
        evaluation=Evaluation(alert_entity="patient"),
        schedule=Schedule(start="2015-01-01"),
    )
    assert require_valid(progression).feature_names()[:2] == (
        "patient_mean_value_hdl_90d",
        "patient_mean_value_hdl_365d",
    )


def test_model_days_are_the_published_protocol_as_of_the_first_day_that_knows_its_labels():
    days = model_days(FRAUD, "2018-08-22")
    assert (days.train[0], days.train[-1]) == ("2018-07-25", "2018-07-31")
    assert (days.gap[0], days.gap[-1]) == ("2018-08-01", "2018-08-07")
    assert (days.test[0], days.test[-1]) == ("2018-08-08", "2018-08-14")


def test_settings_are_parsed_as_the_type_they_replace():
    spec = with_settings(
        FRAUD, ["training.epochs=3", "model.hidden=64,32", "training.learning_rate=1"]
    )
    assert (spec.training.epochs, spec.model.hidden) == (3, (64, 32))
    assert spec.training.learning_rate == 1.0
    assert FRAUD.training.epochs != 3
    assert with_settings(FRAUD, ["model.hidden=[16]"]).model.hidden == (16,)


@pytest.mark.parametrize(
    ("assignment", "reported"),
    [
        ("trainin.epochs=3", "Did you mean 'training'"),
        ("training.epoch=3", "Did you mean 'epochs'"),
        ("training.epochs=many", "expected a value like"),
        ("model.hidden=wide", "expected a value like"),
        ("training.epochs", "needs the form"),
        ("training=3", "does not name a single value"),
        ("training.epochs=0", "training.epochs must be above 0"),
        (
            "name=",
            "can only be set in the declaration, as it identifies the pipeline in the store",
        ),
        ("name=other", "can only be set in the declaration"),
        ("title=", "a value is missing; expected one like 'Card fraud'"),
        ("training.epochs=", "a value is missing; expected one like"),
        ("training.learning_rate=Infinity", "a finite number"),
        ("training.learning_rate=-Infinity", "a finite number"),
        ("training.learning_rate=NaN", "a finite number"),
        ("training.learning_rate=1e999", "a finite number"),
        ("training.learning_rate=1" + "0" * 400, "at most 9,007,199,254,740,992 away from 0"),
        ("training.seed=1" + "0" * 5000, "expected a value like 0"),
        ("training.learning_rate=true", "a number"),
        ("training.epochs=true", "a number"),
        ("training.epochs=3.0", "an integer"),
        ("training.jit=1", "true or false"),
        ("model.hidden=true", "a number"),
        ("model.hidden=1.5", "an integer"),
        ("model.hidden=[NaN]", "a finite number"),
        ("model.hidden=" + "[" * 100_000, "expected a value like"),
        ("validation.rules=1", "'rules' is not a setting"),
        ("gates.limits=1,2", "'limits' is not a setting"),
    ],
)
def test_a_wrong_setting_names_a_right_one(assignment, reported):
    with pytest.raises(ConfigError, match=reported) as raised:
        with_settings(FRAUD, [assignment])
    assert len(str(raised.value)) < 600


def test_all_wrong_settings_are_listed_at_once():
    wrong = ["training.epoch=3", "training.epochs=3", "tuning", "training.jit=1"]
    listed = r"^3 settings .*\n  1\. .*Did you mean 'epochs'.*\n  2\. .*'tuning'.*\n  3\. .*training\.jit"
    with pytest.raises(ConfigError, match=listed):
        with_settings(FRAUD, wrong)


def test_code_cannot_be_named_by_a_setting():
    built = dataclasses.replace(FRAUD, model=Builder("pipelines.core.days.shift"))
    for value in ("os.system", "", "pipelines.core.days.shift"):
        with pytest.raises(ConfigError, match="in the declaration, as it names code"):
            with_settings(built, [f"model.function={value}"])
    assert with_settings(built, ["training.epochs=3"]).model == built.model


def leaves(part, prefix=""):
    """Every setting of a declaration by its path, with its value."""
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if dataclasses.is_dataclass(value):
            yield from leaves(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", value


@given(
    st.sampled_from(sorted(dict(leaves(FRAUD)))),
    st.one_of(
        st.text(max_size=20),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers(),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=4,
        ).map(json.dumps),
    ),
)
def test_whatever_is_set_is_of_the_settings_type_and_finite_or_refused(path, text):
    old = dict(leaves(FRAUD))[path]
    try:
        new = dict(leaves(with_settings(FRAUD, [f"{path}={text}"])))[path]
    except ConfigError:
        return
    # What is declared as None is a switch, or a number, that follows from another setting.
    kinds = {bool, float, type(None)} if old is None else {type(old)}
    assert type(new) in kinds
    for value in new if isinstance(new, tuple) else (new,):
        assert value is None or isinstance(value, str) or math.isfinite(value)
        assert bool in kinds or not isinstance(value, bool)


def test_loading_a_declaration_imports_nothing_heavy():
    probe = (
        "import json, sys; from pipelines.spec import load; load('fraud_detection');"
        "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    out = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(out.stdout))
    heavy = {"numpy", "pandas", "pyarrow", "dask", "tensorflow", "great_expectations", "mlflow"}
    assert not loaded & heavy


def test_labels_of_the_training_days_were_known_when_testing_began():
    label = FRAUD.label
    assert isinstance(label, Label)
    days = model_days(FRAUD, "2026-01-31")
    last_known = time.strptime(days.train[-1], "%Y-%m-%d").tm_yday + label.known_after_days
    assert last_known < time.strptime(days.test[0], "%Y-%m-%d").tm_yday


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (Numeric("tx_amount") >> Fill("men"), "value 'men'. Did you mean 'mean'?"),
        (Numeric("tx_amount") >> Clip(), "has neither low nor high"),
        (Numeric("tx_amount") >> Clip(3.0, 1.0), "low 3.0 is above high 1.0"),
        (Numeric("tx_amount") >> Bucketize((1.0, 1.0)), "edges must ascend"),
        (
            Numeric("tx_amount") >> Vocabulary(),
            "takes categorical values, but its input is numeric",
        ),
        (Numeric("tx_amount") >> Standardise() >> QuantileBuckets(), "another pass"),
        (Hour("tx_datetime") >> Cyclic(24) >> Log(), "must be the last step"),
        (Categorical("terminal_id") >> As("t"), "End it with Vocabulary or Hash"),
        (Categorical("tx_amount"), "is of type 'number'"),
        (Categorical("tx_fraud"), "is the label"),
        (Ratio("tx_amount", "tx_amuont"), "Did you mean 'tx_amount'?"),
        (Numeric("tx_amount") >> 3, "must be an operator, such as Log"),
        ("tx_amount", "must be a feature, such as Numeric"),
        (Numeric("tx_amount") >> Fill(), "End one of its chains with As(name)"),
        (Numeric("tx_amount") >> Hash(bukets=3), "'bukets' is not a setting. Did you mean"),
    ],
)
def test_chains_that_cannot_be_are_refused_with_the_way_out(feature, message):
    with pytest.raises(DeclarationError) as refused:
        require_valid(replaced(features=(Numeric("tx_amount"), feature)))
    assert message in str(refused.value)


def test_keeping_the_best_epoch_needs_days_to_choose_it_by():
    assert FRAUD.split.validation_days == 0
    with pytest.raises(DeclarationError, match=r"keep_best=true needs days .*or omit it"):
        with_settings(FRAUD, ["training.keep_best=true"])
    kept = with_settings(FRAUD, ["split.validation_days=1", "training.keep_best=true"])
    assert kept.training.keep_best is True
    assert with_settings(kept, ["training.keep_best=false"]).training.keep_best is False
    with pytest.raises(ConfigError, match="keep_best=1: expected a value like True"):
        with_settings(FRAUD, ["training.keep_best=1"])
