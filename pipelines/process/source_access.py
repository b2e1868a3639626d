"""What a stage's process is given to reach the source and databases: arguments, and secrets in its environment.

Why: every user of a machine can list the arguments of its processes.
Promise: a stage that does not read the source is given nothing of it; of the connections, a stage is given
    those that its pipeline's tables name where it reads the source, and those that its record names.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipelines.core.connections import has_secrets, variables_of
from pipelines.protocol import Stage, option_values
from pipelines.spec import Pipeline
from pipelines.stages.ingest.sources.connections import connection_variables

SOURCE_VARIABLE = "MILLRACE_SOURCE"
"""The source of a run whose command does not give ``--source``."""


@dataclass(frozen=True, slots=True)
class SourceAccess:
    """What a stage's process is given to read the source.

    Attributes:
        argv: Arguments.
        env: Variables of its environment.
    """

    argv: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict, repr=False)


def source_access(
    stage: Stage, pipeline: Pipeline, source: str | None, options: Iterable[str]
) -> SourceAccess:
    """What the process of a stage is given to read a pipeline's source."""
    own = variables_of(stage.connection_ids(pipeline))
    if not stage.reads_source:
        return SourceAccess((), own)
    env = own | connection_variables(pipeline, option_values(options))
    if not source:
        return SourceAccess((), env)
    if has_secrets(source):
        return SourceAccess((), env | {SOURCE_VARIABLE: source})
    return SourceAccess(("--source", source), env)
