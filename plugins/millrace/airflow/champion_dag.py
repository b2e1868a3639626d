"""The DAG that changes a pipeline's champion by a form: promotes a version by its number, or rolls back.

Why: who sees in Airflow that a model is bad must be able to take it out there, and be named in the history.
Promise: the same checks, lock and history as the command ``models``; the one who triggered the run is who
    did it. The model's asset has an event only where the champion changed. It is tried once: a rollback
    that is tried again would go back further.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import DAG, Param

from millrace.airflow.announcing import announce_champion
from millrace.airflow.assets import assets
from millrace.airflow.command import CommandOperator
from millrace.airflow.dags import common, first_midnight
from millrace.airflow.forms import day_field
from millrace.airflow.tasks import OTHER_POOL
from millrace.airflow.templates import store_and_history, variable
from pipelines.core.errors import ConfigError
from pipelines.protocol import giver_of
from pipelines.shared.registry.fates import PROMOTED
from pipelines.spec import Pipeline, load

CHAMPION_DAG = "champion"
PROMOTION = giver_of("promotion")
PROMOTING, ROLL_BACK = PROMOTION.name, "rollback"


class ChampionOperator(CommandOperator):
    """Run ``python -m pipelines models`` with what the form says.

    Args:
        pipeline: Declared pipeline.
        store: Root of the artifact store. (templated)
        mlflow_uri: The registry; empty for the store's own. (templated)
        action: ``promote`` or ``rollback``. (templated)
        version: Number of the version to promote. (templated)
        why: The reason. (templated)
        from_day: Day from which the change is in force; empty for the first one that is not scored. (templated)
        expect: The champion that the person saw; empty to change whichever it is. (templated)
    """

    template_fields: Sequence[str] = (
        "store",
        "mlflow_uri",
        "action",
        "version",
        "why",
        "from_day",
        "expect",
    )

    def __init__(
        self,
        *,
        pipeline: str,
        store: str,
        mlflow_uri: str,
        action: str,
        version: str,
        why: str,
        from_day: str,
        expect: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline, self.store, self.mlflow_uri = pipeline, store, mlflow_uri
        self.action, self.version, self.why = action, version, why
        self.from_day, self.expect = from_day, expect

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Change the champion.

        Raises:
            ConfigError: The form has no version to promote.
            PipelineError: What the command raised.
        """
        who = getattr(context.get("dag_run"), "triggering_user_name", None)
        result = dict(self.run_child(self.command(who or "Airflow"), context).result)
        facts = {name: result[name] for name in ("version", "was", "from_day", "how", "who")}
        facts |= {"fate": PROMOTED, "champion": result["version"]}
        announce_champion(
            self, context, load(self.pipeline), facts, changed=bool(result["changed"])
        )
        return result

    def command(self, who: str) -> list[str]:
        """The child's arguments, once the templates are rendered."""
        if self.action == PROMOTING and not self.version:
            raise ConfigError(
                "The form says promote and names no version. Give the number of one: the command "
                f"models {self.pipeline} lists them, and MLflow shows them."
            )
        change = f"--promote={self.version}" if self.action == PROMOTING else "--rollback"
        said = {
            "--why": self.why,
            "--who": who,
            "--from-day": self.from_day,
            "--expect": self.expect,
            "--mlflow-uri": self.mlflow_uri,
        }
        given = [f"{name}={value}" for name, value in said.items() if value]
        return ["models", self.pipeline, "--store", self.store, change, *given]


def champion_dag(pipeline: Pipeline, doc: str | None = None, **more: Any) -> DAG:
    """The DAG that promotes a registered version, or rolls back, by a form.

    Args:
        pipeline: The declaration.
        doc: What its page says first.
        more: Arguments of the ``DAG`` to replace.
    """
    own: dict[str, Any] = {
        "dag_display_name": f"{pipeline.title}: champion",
        "description": "Promote a registered version by hand, or roll back to the champion before.",
        "start_date": first_midnight(pipeline),
        "max_active_runs": 1,
        "params": _form(),
    }
    with DAG(schedule=None, **(common(pipeline, CHAMPION_DAG, doc) | own | more)) as made:
        ChampionOperator(
            task_id="change_champion",
            pipeline=pipeline.name,
            store=store_and_history(pipeline)["store"],
            mlflow_uri=variable("mlflow_uri", pipeline),
            action="{{ params.action }}",
            version="{{ params.version or '' }}",
            why="{{ params.reason or '' }}",
            from_day="{{ params.from_day or '' }}",
            expect="{{ params.expect or '' }}",
            outlets=[assets(pipeline)["model"]],
            pool=OTHER_POOL,
            retries=0,
        )
    return made


def _form() -> dict[str, Param]:
    number: dict[str, Any] = {"type": ["null", "integer"], "minimum": 1}
    return {
        "action": Param(
            PROMOTING, type="string", enum=[PROMOTING, ROLL_BACK], title="What to do"
        ),
        "version": Param(
            None, **number, title="Version to promote", description="Not needed for a rollback."
        ),
        "reason": Param(
            None,
            type=["null", "string"],
            maxLength=500,
            title="Reason",
            description="Kept in the history, with your name.",
        ),
        "from_day": day_field("In force from", "Empty: the first day that is not scored yet."),
        "expect": Param(
            None,
            **number,
            title="Champion that you see",
            description="If another version is the champion by then, nothing changes.",
        ),
    }
