"""What tasks are given as Jinja templates: Variables, the form's values, earlier tasks' results.

Why: nothing may be read when a DAG file is parsed; Airflow renders these when a task starts.
Promise: a template whose Variable is not set, or whose task has no result, renders to nothing, and
    the task's command leaves it out.
Not here: the form (``forms.py``), the day of a run (``partition.py``).
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from millrace.airflow.partition import macros_of_run
from millrace.airflow.question import answered, numbers_of
from pipelines.core.installation import default_store
from pipelines.core.store.branch_names import IN_ADDRESS
from pipelines.protocol import giver_of
from pipelines.protocol.stage import Option
from pipelines.spec import Pipeline, search_day, with_settings

DEFAULT_STORE = default_store()

# As-of day of a search for the settings of the run's own as-of day.
SEARCH_DAY = "{{ search_day(as_of(dag_run, params), params) }}"

_SETTINGS_OF_FORM = "{{ (params.get('settings') or []) | join('\n') }}"
OTHER_SETTINGS = (_SETTINGS_OF_FORM,)
FORM_SETTINGS = (
    "split.train_days={{ params.train_days }}",
    "training.epochs={{ params.epochs }}",
    "training.seed={{ params.seed }}",
    _SETTINGS_OF_FORM,
)
# The form of a run that has no branches has no such field.
BRANCH_OF_FORM = (
    f"{{{{ '{IN_ADDRESS}' ~ params.get('branch') if params.get('branch') else '' }}}}"
)
SEARCH_SETTINGS = ("search.trials={{ params.trials }}", _SETTINGS_OF_FORM)


def variable(name: str, pipeline: Pipeline, default: str = "") -> str:
    """Template of an Airflow Variable: the pipeline's own if it is set, else the common one."""
    return (
        f"{{{{ var.value.get('millrace_{name}_{pipeline.name}', none) "
        f"or var.value.get('millrace_{name}', '{default}') }}}}"
    )


def store_and_history(pipeline: Pipeline) -> dict[str, str]:
    """Where a pipeline's artifacts are, on the branch that the form names, and its first day of data."""
    return {
        "store": variable("store", pipeline, DEFAULT_STORE) + BRANCH_OF_FORM,
        "history_from": variable("history_from", pipeline),
    }


def option_templates(
    pipeline: Pipeline, options: Iterable[Option], approval: str = ""
) -> list[str]:
    """Options as ``key=value``: from the form where it asks for them, else from their Variables.

    Args:
        pipeline: The declaration.
        options: Those that a stage may be asked.
        approval: The task whose answer some of them are; empty where nobody is asked.
    """
    given = []
    for option in options:
        if option.form and option.is_switch:
            given.append(
                f"{option.name}={{{{ (params.get('{option.name}') or false) | lower }}}}"
            )
        elif option.form:
            given.append(f"{option.name}={{{{ params.get('{option.name}') or '' }}}}")
        elif option.service:
            given.append(f"{option.name}={variable(option.service, pipeline)}")
        elif option.of_answer and approval:
            pulled = f"answered(ti.xcom_pull(task_ids='{approval}'), '{option.of_answer}')"
            given.append(f"{option.name}={{{{ {pulled} }}}}")
    return given


def input_templates(results: Iterable[str]) -> list[str]:
    """Digests of what this run's earlier tasks made; empty for a task that the DAG has not."""
    return [
        f"{each}={{{{ digest_of(ti.xcom_pull(task_ids='{giver_of(each).name}')) }}}}"
        for each in results
    ]


def macros(pipeline: Pipeline) -> dict[str, Any]:
    """The functions that these templates call."""
    return {
        **macros_of_run(pipeline.partitions()),
        "digest_of": digest_of,
        "answered": answered,
        "numbers_of": numbers_of,
        "search_day": partial(_search_day, pipeline),
    }


def digest_of(result: Mapping[str, Any] | None) -> str:
    """Digest of what a task published, from its XCom; empty where it has none."""
    return str((result or {}).get("digest", ""))


def _search_day(pipeline: Pipeline, as_of: str, params: Mapping[str, Any]) -> str:
    """As-of day of a search, with the form's settings: they may change the split."""
    return search_day(with_settings(pipeline, params.get("settings") or []), as_of)
