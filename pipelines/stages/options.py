"""What a caller asks of one stage beside its settings, as ``key=value`` texts.

Why: the command line, the chain and Airflow's operators take the same options.
"""

from collections.abc import Iterable
from typing import Any

from pipelines.errors import ConfigError


def option_values(options: Iterable[str] | None) -> dict[str, Any]:
    """``key=value`` options as a mapping; ``true`` and ``false`` become booleans.

    Raises:
        ConfigError: An option is not of the form ``key=value``, or has no key.
    """
    values: dict[str, Any] = {}
    for option in options or ():
        key, found, value = option.partition("=")
        if not (found and key.strip()):
            raise ConfigError(f"--option {option!r} needs the form key=value.")
        values[key.strip()] = {"true": True, "false": False}.get(value.lower(), value)
    return values
