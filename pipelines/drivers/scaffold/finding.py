"""One thing that ``check`` has looked at.

Promise: a look that raises is a failed finding; whatever a library raises, its text is a sentence.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from pipelines.core.causes import sorted_by_cause
from pipelines.core.errors import PipelineError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        ok: Whether a run could go on.
        text: What was found, with values, and what to do if it is not ok.
    """

    ok: bool
    text: str

    def as_dict(self) -> dict[str, object]:
        """The finding as JSON."""
        return asdict(self)


def found_by(look: Callable[[], str], where: str = "") -> Finding:
    """What a look finds; any error is a failed finding.

    Args:
        look: Returns what is found.
        where: What is looked at, before the text of an error.
    """
    try:
        return Finding(ok=True, text=look())
    except PipelineError as error:
        return Finding(ok=False, text=f"{where}{error}")
    except Exception as error:  # a custom expectation may raise what it likes
        known = sorted_by_cause(error, "check")
        return Finding(ok=False, text=f"{where}{known or f'{type(error).__name__}: {error}'}")
