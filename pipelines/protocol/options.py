"""What a caller asks of one stage beside its settings, as ``key=value`` texts.

Why: the command line, the chain and Airflow's operators take the same options.
Promise: the options are those that the stages' records declare. A misspelt one is refused with the
    nearest known one, whatever stage it is meant for: a chain passes the same options to all of
    its stages.
"""

from collections.abc import Iterable
from typing import Any

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.protocol.catalog import catalog

ON_OFF = {"true": True, "false": False}


def option_values(options: Iterable[str] | None) -> dict[str, Any]:
    """``key=value`` options as a mapping; those that switch something on or off as booleans.

    Raises:
        ConfigError: An option is not of the form ``key=value``, has an unknown key, or switches
            something neither on nor off.
    """
    values: dict[str, Any] = {}
    known = catalog().options()
    for option in options or ():
        key, found, value = (part.strip() for part in option.partition("="))
        if not (found and key):
            raise ConfigError(f"--option {option!r} needs the form key=value.")
        if key not in known:
            raise ConfigError(
                f"--option {option!r}: {key!r} is not an option. {nearest(key, known)}"
            )
        values[key] = _switch(option, value) if known[key].is_switch else value
    return values


def _switch(option: str, value: str) -> bool:
    if value.lower() not in ON_OFF:
        raise ConfigError(f"--option {option!r} must be true or false.")
    return ON_OFF[value.lower()]
