"""Features and operators: the building blocks of a declaration, one file each.

Why: an operator's arguments, its statistics over days, its arithmetic on arrays and its graph for
    serving must agree, so they are in one file.
Promise: importing this package imports the standard library alone; arrays come with their
    array module ``xp`` (numpy or cupy), tensors with ``tf``.
Not here: reading rows (``pipelines/shared/tables/``), running over days (``pipelines/stages/preprocess/``),
    the arithmetic of windows (``pipelines/stages/featurize/``).

To add one: write its file and name it here, twice.
"""

from pipelines.operators.bucketize import Bucketize
from pipelines.operators.categorical import Categorical
from pipelines.operators.clip import Clip
from pipelines.operators.cyclic import Cyclic
from pipelines.operators.fill import Fill
from pipelines.operators.hashed import Hash
from pipelines.operators.log import Log
from pipelines.operators.numeric import Numeric
from pipelines.operators.operator import Chain, FeatureSource, Operator
from pipelines.operators.quantile_normal import QuantileNormal
from pipelines.operators.quantiles import QuantileBuckets
from pipelines.operators.ratio import Divide, Ratio
from pipelines.operators.rename import As
from pipelines.operators.sequence import Sequence
from pipelines.operators.since import Since
from pipelines.operators.standardise import Standardise
from pipelines.operators.times import Hour, Night, Weekday, Weekend
from pipelines.operators.trailing import Trailing
from pipelines.operators.visits import Visits
from pipelines.operators.vocabulary import Vocabulary

__all__ = [
    "As",
    "Bucketize",
    "Categorical",
    "Chain",
    "Clip",
    "Cyclic",
    "Divide",
    "FeatureSource",
    "Fill",
    "Hash",
    "Hour",
    "Log",
    "Night",
    "Numeric",
    "Operator",
    "QuantileBuckets",
    "QuantileNormal",
    "Ratio",
    "Sequence",
    "Since",
    "Standardise",
    "Trailing",
    "Visits",
    "Vocabulary",
    "Weekday",
    "Weekend",
]
