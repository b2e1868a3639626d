"""The record of a stage: everything that the rest of Millrace knows of it.

Why: the chain, the command line, Airflow's tasks, buttons and pages, and the docs must agree, and
    adding a stage must cost one folder.
Promise: a record is plain values and imports nothing heavy; a stage's name is its folder's.
Not here: finding the records and putting them in order (``catalog.py``), the work itself (each
    folder's ``stage.py``).
"""

from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter

from pipelines.spec import Pipeline

PARTITION, WINDOW, MODEL = "partition", "window", "model"
SCOPES = (PARTITION, WINDOW, MODEL)
"""A partition of a table, an as-of day, an as-of day and a seed. A stage needs none of a later scope."""

DATA_DAG, MODEL_DAG, SCORE_DAG = "data", "model", "score"
"""Endings of the ids of the DAGs that run by a schedule."""

ACCEPTED_ONLY, PROMOTED_ONLY = "accepted", "promoted"
"""The verdict, and the fate, of which alone an asset has events."""

REPORTS, DATA_DOCS = "reports", "data_docs"
"""Kinds of pages: a run's own page opens the report that was published last."""

STAGES_POOL, GPU_POOL = "stages", "gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something that a caller may ask of a stage beside its settings: ``--option name=value``.

    No result depends on an option, other than on one that the stage names in its plan.

    Attributes:
        name: Its key.
        is_switch: Whether it is ``true`` or ``false``; else any text.
        service: Airflow Variable that has its value, as ``millrace_<service>``; empty for none.
        form: Its label in the form of a run; empty where the form does not ask for it.
        hint: What the form says of it.
        is_day: Whether the form asks for a day.
        of_answer: Part of a person's answer that is its value, for a stage with an ``approval``:
            ``answer``, ``by`` or ``why``.
    """

    name: str
    is_switch: bool = False
    service: str = ""
    form: str = ""
    hint: str = ""
    is_day: bool = False
    of_answer: str = ""


SCHEDULER = Option(name="scheduler", service="dask_scheduler")
WORKERS = Option(name="workers")
COMPUTE = (SCHEDULER, WORKERS, Option(name="in_process_below_rows"))
"""Where Dask works, read by ``pipelines/shared/compute/settings.py``."""

REGISTRY = Option(name="mlflow_uri", service="mlflow_uri")
"""Where MLflow is, read by ``pipelines/shared/registry/`` and ``pipelines/shared/tracking/``."""

TUNED = Option(name="tuned")
"""As-of day of a search whose settings are used, read by ``pipelines/cli/arguments.py``."""

EVERY_STAGE = (Option(name="time_limit_s"),)
"""What any stage may be asked."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that a stage publishes among its files.

    Attributes:
        file: Its file's name.
        title: Its button in Airflow.
        kind: What leads to it in an address: ``/millrace/<kind>/...``.
    """

    file: str
    title: str = "Report"
    kind: str = REPORTS


DATA_DOCS_PAGE = Page("data_docs.html", "Data Docs", DATA_DOCS)


@dataclass(frozen=True, slots=True)
class Outlet:
    """An Airflow asset that a stage publishes.

    Attributes:
        name: Ending of its name: ``<pipeline>_<name>``.
        path: End of its URI: ``millrace://<pipeline>/<path>``.
        only: ``ACCEPTED_ONLY`` or ``PROMOTED_ONLY``; empty where it has events of any.
        of_table: Ending of its name where it is of a table other than the examples':
            ``<pipeline>_<table><of_table>``.
    """

    name: str
    path: str
    only: str = ""
    of_table: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step with published inputs and outputs.

    Attributes:
        record: Module of the record, always ``__name__``: the folder names the stage.
        does: One line for people.
        scope: ``PARTITION``, ``WINDOW`` or ``MODEL``.
        dataset: Dataset it publishes to.
        needs: Datasets that are published before its work: edges to the stages that publish them.
        gives: Name under which later stages of a run are given its result; empty for none.
        takes: Names of the results that a run gives to it, by digest; edges as well.
        each_table: Whether it is run for every table by itself; else, of a partition, for the examples'.
        only_where: Property of a pipeline that says whether the stage is one of its; empty for every
            pipeline. What it would give is then taken by no other stage.
        on_demand: Whether it is run when asked for, in a DAG of its own, and not in every chain.
        group: Ending of the id of a DAG that several stages on demand share; empty for one of its own.
        variant: Name of the option whose value, where one is given, makes an artifact of its own beside the
            usual one, which it never replaces; empty for none.
        reads_source: Whether it reads the source files, and so waits until the day is over.
        runs_after_refusal: Whether it is run for a day that an earlier stage refused, too.
        first_seed_only: Whether it is run for the first of several seeds alone.
        approval: Task that asks a person before it, by the form's field of the same name; empty
            where nobody is asked. Its module says with ``preview(work)`` what it would come to.
        heavy: Whether it imports TensorFlow or starts a cluster, and so wants an interpreter
            of its own rather than a fork of the preloaded one.
        timeout: Ends what hangs, not what is slow.
        pool: Airflow pool of its task.
        retries: Tries after the first one, where the cause of a failure may pass.
        connections: Settings of a pipeline that name Airflow connections which its work needs, beside those
            of the source: ``scoring.connection``.
        options: What it may be asked.
        pages: Pages it publishes, as its module's ``pages`` makes them.
        outlets: Airflow assets that it publishes.
    """

    record: str
    does: str
    scope: str
    dataset: str
    needs: tuple[str, ...] = ()
    gives: str = ""
    takes: tuple[str, ...] = ()
    each_table: bool = False
    only_where: str = ""
    on_demand: bool = False
    group: str = ""
    variant: str = ""
    reads_source: bool = False
    runs_after_refusal: bool = False
    first_seed_only: bool = False
    approval: str = ""
    heavy: bool = False
    timeout: timedelta = timedelta(hours=2)
    pool: str = STAGES_POOL
    retries: int = 3
    connections: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    pages: tuple[Page, ...] = ()
    outlets: tuple[Outlet, ...] = ()

    @property
    def name(self) -> str:
        """Its name in logs, tasks and the command line: its folder's."""
        return self.record.split(".")[-2]

    @property
    def module(self) -> str:
        """Module with ``plan`` and ``run``, beside the record."""
        return f"{self.record.rpartition('.')[0]}.stage"

    @property
    def dag(self) -> str:
        """Ending of the id of the DAG that runs it."""
        if self.on_demand:
            return self.group or self.name
        return DATA_DAG if self.scope == PARTITION else MODEL_DAG

    def is_of(self, pipeline: Pipeline) -> bool:
        """Whether it is one of a pipeline's stages."""
        return not self.only_where or bool(getattr(pipeline, self.only_where))

    def connection_ids(self, pipeline: Pipeline) -> list[str]:
        """Ids of the connections that a pipeline's settings name for its work."""
        return [named for path in self.connections if (named := attrgetter(path)(pipeline))]

    @property
    def distributed(self) -> bool:
        """Whether its work may be on a Dask cluster."""
        return SCHEDULER in self.options

    def page(self, kind: str) -> str:
        """Name of its page of that kind; empty if it has none."""
        return next((page.file for page in self.pages if page.kind == kind), "")
