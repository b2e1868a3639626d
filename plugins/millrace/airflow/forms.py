"""The forms of runs: what a person may choose when a run is triggered by hand.

Why: what a stage may be asked is in its record, and the form asks for it.
Promise: a run whose form is left as it is does what a scheduled run does.
Not here: where the chosen values go (``templates.py``).
"""

from collections.abc import Iterable

from airflow.sdk import Param

from pipelines.core.partitions import DAY, EXAMPLES, FORMS, HOUR, Partitions
from pipelines.core.store.branch_names import LONGEST, NAME_PATTERN
from pipelines.protocol import Stage, chain_stages
from pipelines.protocol.stage import MODEL, WINDOW, Option
from pipelines.spec import Pipeline


def data_form(partitions: Partitions, stages: Iterable[Stage]) -> dict[str, Param]:
    """The form of a run that takes in a partition of a table."""
    title = f"{partitions.grain.capitalize()} to take in, or to replay after a fix"
    return {
        "partition": _partition(partitions, title),
        "settings": _settings(),
        "branch": _branch(),
        **_of_stages(stages),
    }


def model_form(pipeline: Pipeline) -> dict[str, Param]:
    """The form of a run that makes a model, with what the stages' records add to it."""
    split, training = pipeline.split, pipeline.training
    return {
        "as_of": _as_of(),
        "train_days": Param(split.train_days, type="integer", minimum=1, title="Training days"),
        "epochs": Param(training.epochs, type="integer", minimum=1, title="Epochs"),
        "seed": Param(training.seed, type="integer", minimum=0, title="Seed"),
        "settings": _settings(),
        "branch": _branch(),
        **_of_stages(chain_stages(WINDOW, MODEL, pipeline=pipeline)),
    }


def score_form(pipeline: Pipeline, stages: Iterable[Stage]) -> dict[str, Param]:
    """The form of a run that scores a partition."""
    partitions = pipeline.partitions()
    title = f"{partitions.grain.capitalize()} to score"
    return {"partition": _partition(partitions, title)} | _of_stages(stages)


def score_range_form(pipeline: Pipeline, stages: Iterable[Stage]) -> dict[str, Param]:
    """The form of a run that scores several partitions again."""
    grain = pipeline.partitions().grain
    ends = {"first": f"First {grain}", "last": f"Last {grain}"}
    hint = f"Such as {EXAMPLES[grain]}, or a day."
    form = f"^({FORMS[grain]}|{FORMS[DAY]})$"
    kinds = ["null", "string"]
    asked = {
        name: Param(None, type=kinds, pattern=form, title=title, description=hint)
        for name, title in ends.items()
    }
    return asked | _of_stages(stages)


def search_form(pipeline: Pipeline) -> dict[str, Param]:
    """The form of a search for settings."""
    trials = pipeline.search.trials
    return {
        "as_of": _as_of(),
        "trials": Param(trials, type="integer", minimum=1, title="Settings to try"),
        "settings": _settings(),
        "branch": _branch(),
    }


def _of_stages(stages: Iterable[Stage]) -> dict[str, Param]:
    form = dict[str, Param]()
    for stage in stages:
        if stage.approval:
            title = f"Ask a person before {stage.name}"
            form[stage.approval] = Param(False, type="boolean", title=title)
        form |= {option.name: _param(option) for option in stage.options if option.form}
    return form


def _param(option: Option) -> Param:
    if option.is_switch:
        return Param(False, type="boolean", title=option.form, description=option.hint)
    if option.is_day:
        return day_field(option.form, option.hint)
    return Param(None, type=["null", "string"], title=option.form, description=option.hint)


def _partition(partitions: Partitions, title: str) -> Param:
    grain, zone = partitions.grain, partitions.zone
    if grain == DAY:
        return day_field(title, f"Empty: the day before the run was due ({zone}).")
    hint = (
        f"Such as {EXAMPLES[grain]}. Empty: the last {grain} that was over when the run was due"
    )
    if grain == HOUR:
        form, hint = FORMS[HOUR], f"{hint} (UTC)."
    else:
        form = f"{FORMS[grain]}|{FORMS[DAY]}"
        hint = f"{hint} ({zone}). A day stands for its {grain}."
    kinds = ["null", "string"]
    return Param(None, type=kinds, pattern=f"^({form})$", title=title, description=hint)


def _as_of() -> Param:
    return day_field("As-of day", "Empty: the day the run was due.")


def day_field(title: str, hint: str) -> Param:
    """A day, or nothing."""
    kinds = ["null", "string"]
    return Param(None, type=kinds, format="date", title=title, description=hint)


def _branch() -> Param:
    hint = (
        "Work beside production on this branch, which begins with its first run. Empty: main."
    )
    pattern = f"^{NAME_PATTERN}$"
    kinds = ["null", "string"]
    return Param(
        None, type=kinds, pattern=pattern, maxLength=LONGEST, title="Branch", description=hint
    )


def _settings() -> Param:
    return Param(
        None,
        type=["null", "array"],
        items={"type": "string", "pattern": r"^[a-z_.]+=.+$"},
        title="Other settings",
        description="One a line: section.name=value, such as training.learning_rate=0.0005.",
    )
