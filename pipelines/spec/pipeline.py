"""One declared pipeline: from a daily table to an evaluated model.

Why: the suite, the feature program, the DAGs and the docs follow from one object.
Promise: import-light and immutable; derived values are methods, so nothing is declared twice.
Not here: finding mistakes (``checks/``), loading by name (``registry.py``).
"""

from collections.abc import Collection
from dataclasses import replace

from pipelines.core.declared import declared, nearest
from pipelines.core.errors import ConfigError
from pipelines.core.partitions import Partitions
from pipelines.operators.categorical import Categorical
from pipelines.operators.events import EventSource
from pipelines.operators.numeric import Numeric
from pipelines.operators.operator import Feature, FeatureSource
from pipelines.operators.program import Program, program_of, sources_of
from pipelines.operators.since import Since
from pipelines.operators.trailing import Trailing
from pipelines.spec.evaluation import Evaluation, Gates
from pipelines.spec.gates import Validation
from pipelines.spec.heads import Binary, Head
from pipelines.spec.learning import BY_TIME, Label, Outcome, Schedule, Split, Training
from pipelines.spec.models import AnyModel, Model
from pipelines.spec.scoring import Scoring
from pipelines.spec.search import Search
from pipelines.spec.sources import Landmarks
from pipelines.spec.tables import ROW_KEY, Column, Table
from pipelines.spec.watching import Watch


@declared
class Entity:
    """Something that rows belong to and that windows aggregate over.

    Attributes:
        name: One word (``customer``), the prefix of its features.
        column: Column that identifies it, an integer or a text, or the columns that do so together.
            Each table that has such columns has rows of the entity.
    """

    name: str
    column: str | tuple[str, ...]

    @property
    def key(self) -> str:
        """The column of the stored table that identifies it."""
        return self.column if isinstance(self.column, str) else f"_{self.name}"

    def columns(self) -> tuple[str, ...]:
        """The declared columns that identify it."""
        return (self.column,) if isinstance(self.column, str) else self.column


@declared
class Pipeline:
    """A data-to-model problem, declared once.

    Attributes:
        name: Name in the store, the DAG ids and the command line.
        title: One line for people.
        tables: Declared tables, each taken in by itself.
        examples: Name of the table whose rows are scored.
        entities: The entities that rows belong to.
        label: What is predicted, and when it becomes known.
        features: The model's features, in order.
        split: Training days and test days.
        model: The network.
        head: What it predicts.
        search: Settings that ``tune`` searches for.
        training: How it is trained.
        evaluation: How it is evaluated.
        gates: Conditions for its promotion.
        scoring: What is written for each row that the champion scores.
        watch: Limits for the difference of scored days from training days.
        schedule: When it runs.
        validation: The gate that a day must pass.
        buckets: Hash buckets per entity: one bucket over the look-back is the unit of window
            work, about a million rows.
        x_type: Type of numeric inputs in the training set: ``float32``, or ``bfloat16`` for half
            the bytes. The served model rounds the same way.
        meaning: A paragraph for the docs page.
        time_zone: Time zone of days, of calendar features, of the schedule, and of source times without an
            offset, such as ``Europe/Berlin``.
    """

    name: str
    title: str
    tables: tuple[Table, ...]
    examples: str
    entities: tuple[Entity, ...]
    label: Label | Outcome
    features: tuple[Feature, ...]
    split: Split
    evaluation: Evaluation
    schedule: Schedule
    model: AnyModel = Model()
    head: Head = Binary()
    search: Search = Search()
    training: Training = Training()
    gates: Gates = Gates()
    scoring: Scoring = Scoring()
    watch: Watch = Watch()
    validation: Validation = Validation()
    buckets: int = 4
    x_type: str = "float32"
    meaning: str | None = ""
    time_zone: str = "UTC"

    @property
    def table(self) -> Table:
        """The table of examples."""
        return next(table for table in self.tables if table.name == self.examples)

    @property
    def stored(self) -> Table:
        """The table of examples as the store has it: with a text column for each of ``composites``."""
        # A null part is quarantined, or allowed, by the part's own rule.
        made = tuple(
            Column(name, "text", meaning=f"{', '.join(parts)}, as one text", nullable=True)
            for name, parts in self.composites().items()
        )
        return replace(self.table, columns=(*self.table.columns, *made)) if made else self.table

    def composites(self) -> dict[str, tuple[str, ...]]:
        """The declared columns of each row id and entity that consists of several, by stored column."""
        row_id = self.table.row_id
        found = {} if isinstance(row_id, str) else {ROW_KEY: row_id}
        return found | {e.key: e.columns() for e in self.entities if e.key not in e.columns()}

    @property
    def may_lack_label(self) -> bool:
        """Whether a row's label may be null: such rows are scored, and left out of all else."""
        label = self.label
        return isinstance(label, Label) and self.table.column(label.column).nullable

    @property
    def has_cohort(self) -> bool:
        """Whether the rows of a model and their labels are worked out before it is made.

        They are where the label is an event of another table, and where entities are divided.
        """
        return isinstance(self.label, Outcome) or self.split.by != BY_TIME

    def class_words(self) -> dict[int, str]:
        """The words of the source for each value of the label; empty where it has none."""
        label, found = self.label, dict[int, list[str]]()
        words = self.table.column(label.column).words if isinstance(label, Label) else None
        for word, value in sorted((words or {}).items()):
            if value is not None:
                found.setdefault(value, []).append(word)
        return {value: " or ".join(found[value]) for value in sorted(found)}

    def partitions(self) -> Partitions:
        """The partitions of the table of examples."""
        return self.table.partitions(self.time_zone)

    def days(self) -> Partitions:
        """Its days, whatever the grain of its tables; as-of days are such."""
        return Partitions(zone=self.time_zone)

    def of_table(self, name: str) -> "Pipeline":
        """The same pipeline as the stages that take a table in see it: that table, its gate and entities.

        Raises:
            ConfigError: No such table is declared.
        """
        found = {table.name: table for table in self.tables}
        if name not in found:
            raise ConfigError(f"table {name!r} is not declared. {nearest(name, found)}")
        if name == self.examples:
            return self
        table = found[name]
        names = set(table.column_names())
        return replace(
            self,
            examples=name,
            entities=tuple(e for e in self.entities if names.issuperset(e.columns())),
            validation=table.validation or Validation(),
        )

    def entity(self, name: str) -> Entity:
        """The entity with that name; KeyError if there is none."""
        for entity in self.entities:
            if entity.name == name:
                return entity
        raise KeyError(name)

    def is_text(self, entity: str) -> bool:
        """Whether an entity is a text in the store, or an integer."""
        return self.stored.column(self.entity(entity).key).type == "text"

    def resampled_column(self) -> str:
        """The stored column by whose values test rows are resampled: the alert entity's, or the row id."""
        name = self.evaluation.alert_entity
        return self.table.id_column if name is None else self.entity(name).key

    def sources(self) -> tuple[FeatureSource, ...]:
        """The distinct sources of the features, without their operators."""
        return sources_of(self.features)

    def sensitive_columns(self) -> frozenset[str]:
        """Columns of the examples whose values reports mask."""
        if not self.validation.mask:
            return frozenset()
        named = {name for entity in self.entities for name in entity.columns()}
        masked = {
            column.name
            for column in self.table.columns
            if (
                column.name in named or column.type == "text"
                if column.sensitive is None
                else column.sensitive
            )
        }
        made = (n for n, parts in self.composites().items() if masked.intersection(parts))
        return frozenset(masked.union(made, self._landmark_id(masked)))

    def _landmark_id(self, masked: Collection[str]) -> tuple[str, ...]:
        """The row id of landmarks whose entity is masked: it has the entity in it, whatever is declared."""
        table, source = self.table, self.table.source
        if not isinstance(source, Landmarks):
            return ()
        parts = {name for e in self.entities if e.name == source.entity for name in e.columns()}
        return (table.id_column,) if parts.intersection(masked) else ()

    def marked_table(self) -> Table:
        """The table of examples, with ``sensitive`` decided for each column."""
        masked = self.sensitive_columns()
        columns = (replace(c, sensitive=c.name in masked) for c in self.table.columns)
        return replace(self.table, columns=tuple(columns))

    def feature_names(self) -> tuple[str, ...]:
        """Columns of the feature table, in order."""
        return tuple(name for source in self.sources() for name in source.names())

    def program(self) -> Program:
        """The program from the feature table to the model's inputs."""
        kinds = {column.name: column.type for column in self.table.columns}
        kinds |= {a.names()[0]: self.column_of(a).type for a in self.attributes()}
        return program_of(self.features, kinds, self.x_type)

    def windows(self) -> tuple[Trailing | EventSource, ...]:
        """Windows and sequences, those over other tables too."""
        return tuple(s for s in self.sources() if isinstance(s, Trailing | EventSource))

    def attributes(self) -> tuple[Numeric | Categorical | Since, ...]:
        """Features that are columns of a static table, or are made of one."""
        of_rows = (s for s in self.sources() if isinstance(s, Numeric | Categorical | Since))
        return tuple(source for source in of_rows if source.table is not None)

    def column_of(self, source: Numeric | Categorical | Since) -> Column:
        """The declared column that a source reads; KeyError if there is none."""
        name = source.table or self.examples
        return next(t for t in self.tables if t.name == name).column(source.column)

    def min_rows(self) -> int:
        """Minimum number of rows of a partition of the table of examples."""
        declared, derived = self.validation.min_rows, self.table.derived_from
        return declared if declared is not None else int(derived is None)

    def look_back_days(self, table: str | None = None) -> int:
        """Days before a partition whose rows its features may read; 0 without windows.

        Args:
            table: Whose rows; None for those of the examples' own table.
        """
        looking = (source for source in self.windows() if source.table == table)
        return max((source.look_back_days() for source in looking), default=0)

    def longest_look_back_days(self) -> int:
        """Days that a feature looks back, over whichever table; 0 without windows."""
        return max((source.look_back_days() for source in self.windows()), default=0)
