"""What the DAGs of every pipeline have in common, from its declaration.

Why: a second pipeline must cost a declaration and a few lines of wiring, not a copied DAG.
Promise: nothing is read when a DAG file is parsed: Variables are named in templates only.
Not here: which tasks follow which (``dags/``), the days of a run (``partition.py``).
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pendulum

from airflow.sdk import DAG, Asset, CronPartitionTimetable, Param, TriggerRule, chain
from millrace.airflow.approval import AskOperator, judgement
from millrace.airflow.await_partitions import AwaitPartitionsOperator
from millrace.airflow.operator import CommandOperator, StageOperator
from millrace.airflow.partition import AS_OF, MACROS, PARTITION
from millrace.airflow.policies import RESTART_WAIT, retry_by_cause
from millrace.airflow.trials import NumbersOperator, TrialOperator
from pipelines.core.days import shift
from pipelines.core.installation import default_store
from pipelines.protocol import GIVERS, stage_named
from pipelines.spec import Pipeline, search_day, with_settings

DEFAULT_STORE = default_store()
DAY_KEY = "%Y-%m-%d"
STAGES_POOL, GPU_POOL = "stages", "gpu"

# Generous: they end what hangs, not what is slow. Training resumes from its checkpoint.
TIMEOUTS = {"train": timedelta(hours=12), "preprocess": timedelta(hours=4)}
TIMEOUT = timedelta(hours=2)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "millrace",
    "retries": 3,
    # For an end that no policy sees: the kernel killed the task's own process.
    "retry_delay": RESTART_WAIT,
    "retry_policy": retry_by_cause(),
    "pool": STAGES_POOL,
}

# As-of day of a search for the settings of the run's own as-of day.
SEARCH_DAY = "{{ search_day(as_of(dag_run, params), params) }}"

# A source that is late is looked for over twelve hours.
SOURCE_TRIES = 24


def once_closed(pipeline: Pipeline) -> CronPartitionTimetable:
    """The data DAG's schedule: the tick at midnight carries the key of the day before."""
    return CronPartitionTimetable(
        pipeline.schedule.data_cron, timezone="UTC", run_offset=-1, key_format=DAY_KEY
    )


def as_of_tick(pipeline: Pipeline) -> CronPartitionTimetable:
    """The model DAG's schedule: the key is the tick's own day, the model's as-of day."""
    return CronPartitionTimetable(
        pipeline.schedule.model_cron, timezone="UTC", run_offset=0, key_format=DAY_KEY
    )


def data_dag(pipeline: Pipeline, doc: str | None) -> dict[str, Any]:
    """Arguments of the ``@dag`` that takes in each day.

    It starts a day after the declared start, since its first tick carries that day's key.
    """
    return _common(pipeline, doc) | {
        "dag_id": f"{pipeline.name}_data",
        "dag_display_name": f"{pipeline.title}: data",
        "description": "Ingest, validate and featurize each day once it is over.",
        "start_date": _midnight(shift(pipeline.schedule.start, 1)),
        "max_active_runs": 8,
        "params": {
            "partition": _day_param(
                "Day to take in, or to replay after a fix", "the day before the run was due"
            )
        },
        "tags": ["millrace", pipeline.name, "data"],
    }


def model_dag(pipeline: Pipeline, doc: str | None) -> dict[str, Any]:
    """Arguments of the ``@dag`` that makes and judges a model."""
    return _common(pipeline, doc) | {
        "dag_id": f"{pipeline.name}_model",
        "dag_display_name": f"{pipeline.title}: model",
        "description": "Train on a window of days, judge on later ones, promote what is better.",
        "start_date": _midnight(pipeline.schedule.start),
        "max_active_runs": 2,
        "params": _model_form(pipeline),
        "tags": ["millrace", pipeline.name, "model"],
    }


def tune_dag(pipeline: Pipeline, doc: str | None) -> DAG:
    """The DAG that looks for better settings: run by hand, and by a schedule where one is wanted.

    It waits for the days of the search, prepares them, tries settings as mapped tasks, and
    publishes the best.
    """
    common = _common(pipeline, doc)
    form = {
        "as_of": _day_param("As-of day", "the day the run was due"),
        "trials": Param(
            pipeline.search.trials, type="integer", minimum=1, title="Settings to try"
        ),
        "settings": _settings_param(),
    }
    earlier = {"as_of": SEARCH_DAY, "settings": _search_settings()}
    with DAG(
        dag_id=f"{pipeline.name}_tune",
        dag_display_name=f"{pipeline.title}: search for settings",
        description="Try settings on days before the model's test began; publish the best.",
        start_date=_midnight(pipeline.schedule.start),
        schedule=None,
        max_active_runs=1,
        params=form,
        tags=["millrace", pipeline.name, "tune"],
        **common
        | {
            "user_defined_macros": common["user_defined_macros"]
            | {"search_day": partial(_search_day, pipeline)}
        },
    ) as made:
        chain(
            await_partitions(pipeline, promotes=False, **earlier),
            stage(pipeline, "preprocess", **earlier),
            trials(pipeline),
            stage(pipeline, "tune", settings=_search_settings()),
        )
    return made


def trials(pipeline: Pipeline, **more: Any) -> Any:
    """The trials of a search as mapped tasks, as many at once as the GPU pool has slots."""
    numbers = NumbersOperator(
        task_id="numbers", pool="default_pool", count="{{ params.trials }}"
    )
    defaults: dict[str, Any] = {
        "task_id": "trial",
        "pool": GPU_POOL,
        "pipeline": pipeline.name,
        "as_of": AS_OF,
        "settings": _search_settings(),
        "options": _options(pipeline, "train"),
        "inputs": _inputs("tune"),
        "execution_timeout": TIMEOUTS["train"],
        "map_index_template": "trial {{ task.number }}{{ task.came_to }}",
        "doc_md": "Train with drawn settings until others do better, or to the last epoch.",
        **_places(pipeline),
    }
    return TrialOperator.partial(**(defaults | more)).expand(number=numbers.output)


def stage(pipeline: Pipeline, name: str, **more: Any) -> StageOperator:
    """The task of one stage, its day and its settings taken from the run."""
    by_day = stage_named(name).scope == "partition"
    days = (
        {"partition": PARTITION} if by_day else {"as_of": AS_OF, "settings": _form_settings()}
    )
    defaults = {
        "task_id": name,
        "execution_timeout": TIMEOUTS.get(name, TIMEOUT),
        "doc_md": stage_named(name).does,
        "source": variable("source", pipeline) if name == "ingest" else None,
        "options": _options(pipeline, name),
        "inputs": _inputs(name),
        **({"retries": SOURCE_TRIES} if name == "ingest" else {}),
    }
    return StageOperator(
        stage=name, pipeline=pipeline.name, **_places(pipeline), **(days | defaults | more)
    )


def await_partitions(pipeline: Pipeline, **more: Any) -> AwaitPartitionsOperator:
    """The task that waits for the days of the model's window."""
    return AwaitPartitionsOperator(
        **{"task_id": "await_partitions", "pool": "default_pool", "pipeline": pipeline.name}
        | {"as_of": AS_OF, "settings": _form_settings(), **_places(pipeline)}
        | {"options": _options(pipeline, "promote")}
        | {
            "asks": "{{ params.get('approve', false) }}",
            "approvers": variable("approvers", pipeline),
        }
        | more
    )


def approve(pipeline: Pipeline, **more: Any) -> AskOperator:
    """The task that asks a person before the promotion, if the form says so and it matters."""
    defaults: dict[str, Any] = {
        "pipeline": pipeline.name,
        "store": _places(pipeline)["store"],
        "as_of": AS_OF,
        "stage_settings": _form_settings(),
        "stage_options": _promotion_options(pipeline),
        "stage_inputs": _inputs("promote"),
        "task_id": "approve",
        "pool": "default_pool",
        "wanted": "{{ params.approve }}",
        "approvers": variable("approvers", pipeline),
        "subject": f"{pipeline.title}: promote the model as of {AS_OF}?",
        "body": "{{ judgement(ti.xcom_pull(task_ids='evaluate')) }}",
        "response_timeout": timedelta(days=7),
    }
    return AskOperator(**(defaults | more))


def promote(pipeline: Pipeline, **more: Any) -> StageOperator:
    """The task that registers the model; a skipped approval does not skip it."""
    defaults = {
        "trigger_rule": TriggerRule.NONE_FAILED,
        "options": _promotion_options(pipeline),
        "outlets": [model_asset(pipeline)],
    }
    return stage(pipeline, "promote", **(defaults | more))


def _promotion_options(pipeline: Pipeline) -> list[str]:
    older = "promote_older={{ params.promote_older | lower }}"
    return [older, *_options(pipeline, "promote")]


def housekeeping(pipeline: Pipeline, **more: Any) -> CommandOperator:
    """The task that removes what a pipeline's part of the store no longer needs."""
    argv = ["housekeeping", pipeline.name, "--store", _places(pipeline)["store"]]
    argv += ["--mlflow-uri", variable("mlflow_uri", pipeline)]
    defaults: dict[str, Any] = {"task_id": pipeline.name, "execution_timeout": TIMEOUT}
    return CommandOperator(argv=argv, **(defaults | more))


def features_asset(pipeline: Pipeline) -> Asset:
    """The features of a pipeline, one partition a day."""
    return Asset(f"{pipeline.name}_features", uri=f"millrace://{pipeline.name}/features")


def model_asset(pipeline: Pipeline) -> Asset:
    """The champion of a pipeline: an event for each model that is promoted."""
    return Asset(f"{pipeline.name}_model", uri=f"millrace://{pipeline.name}/models")


def variable(name: str, pipeline: Pipeline, default: str = "") -> str:
    """Template of an Airflow Variable: the pipeline's own if it is set, else the common one."""
    return (
        f"{{{{ var.value.get('millrace_{name}_{pipeline.name}', none) "
        f"or var.value.get('millrace_{name}', '{default}') }}}}"
    )


def _common(pipeline: Pipeline, doc: str | None) -> dict[str, Any]:
    return {
        "catchup": False,
        "default_args": DEFAULT_ARGS,
        "user_defined_macros": MACROS | {"judgement": judgement, "digest_of": digest_of},
        "doc_md": f"{doc or ''}\n\n{pipeline.meaning}\n\nPools: `{STAGES_POOL}` (as many slots as "
        f"cores) and `{GPU_POOL}` (one slot). Variables: `millrace_store`, `millrace_source`, "
        f"`millrace_history_from`, `millrace_approvers` (user ids), each also with `_{pipeline.name}` at its end.",
    }


def _places(pipeline: Pipeline) -> dict[str, str]:
    return {
        "store": variable("store", pipeline, DEFAULT_STORE),
        "history_from": variable("history_from", pipeline),
    }


def _options(pipeline: Pipeline, name: str) -> list[str]:
    """Services a stage uses, by Variable; options, as no result depends on them."""
    services = {"dask_scheduler": "scheduler", "mlflow_uri": "mlflow_uri"}
    used = {
        "validate": ["dask_scheduler"],
        "featurize": ["dask_scheduler"],
        "validate_window": ["mlflow_uri"],
        "preprocess": ["dask_scheduler"],
        "train": ["mlflow_uri"],
        "evaluate": ["mlflow_uri"],
        "promote": ["mlflow_uri"],
    }
    asked = ["tuned={{ params.get('tuned') or '' }}"] if name == "train" else []
    return asked + [
        f"{services[each]}={variable(each, pipeline)}" for each in used.get(name, ())
    ]


def _inputs(name: str) -> list[str]:
    """Digests of what this run's earlier tasks made; empty for a task that the DAG has not."""
    return [
        f"{each}={{{{ digest_of(ti.xcom_pull(task_ids='{GIVERS[each].name}')) }}}}"
        for each in stage_named(name).takes
    ]


def digest_of(result: Mapping[str, Any] | None) -> str:
    """Digest of what a task published, from its XCom; empty where it has none."""
    return str((result or {}).get("digest", ""))


def _model_form(pipeline: Pipeline) -> dict[str, Param]:
    split, training = pipeline.split, pipeline.training
    return {
        "as_of": _day_param("As-of day", "the day the run was due"),
        "train_days": Param(split.train_days, type="integer", minimum=1, title="Training days"),
        "epochs": Param(training.epochs, type="integer", minimum=1, title="Epochs"),
        "seed": Param(training.seed, type="integer", minimum=0, title="Seed"),
        "tuned": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Use the settings of a search",
            description="As-of day of the search, not after the model's. Empty: as declared.",
        ),
        "settings": _settings_param(),
        "approve": Param(
            False, type="boolean", title="Ask before promoting", description="A person decides."
        ),
        "promote_older": Param(
            False,
            type="boolean",
            title="Let an older model replace a newer champion",
            description="A backfill of old models leaves the champion alone unless this is on.",
        ),
    }


def _settings_param() -> Param:
    return Param(
        None,
        type=["null", "array"],
        items={"type": "string", "pattern": r"^[a-z_.]+=.+$"},
        title="Other settings",
        description="One a line: section.name=value, such as training.learning_rate=0.0005.",
    )


def _search_day(pipeline: Pipeline, as_of: str, params: Mapping[str, Any]) -> str:
    """As-of day of a search, with the form's settings: they may change the split."""
    return search_day(with_settings(pipeline, params.get("settings") or []), as_of)


def _search_settings() -> list[str]:
    return [
        "search.trials={{ params.trials }}",
        "{{ (params.settings or []) | join('\n') }}",
    ]


def _form_settings() -> list[str]:
    return [
        "split.train_days={{ params.train_days }}",
        "training.epochs={{ params.epochs }}",
        "training.seed={{ params.seed }}",
        "{{ (params.settings or []) | join('\n') }}",
    ]


def _day_param(title: str, default: str) -> Param:
    return Param(
        None,
        type=["null", "string"],
        format="date",
        title=title,
        description=f"Empty: {default}.",
    )


def _midnight(day: str) -> pendulum.DateTime:
    return pendulum.parse(day, tz="UTC")  # type: ignore[return-value]
