"""Who may answer an approval, and whether Airflow knows them.

Why: a question that nobody may answer holds up a run for days, after the training was paid for.
Promise: asked before a run's first stage starts; nothing is asked of a database.
Not here: the question (``approval.py``).
"""

from airflow.configuration import conf

from pipelines.core.errors import ConfigError, listed

VARIABLE = "millrace_approvers"
SIMPLE = "SimpleAuthManager"


def people(text: str) -> list[str]:
    """User ids of a comma-separated list; none stands for everybody who may edit the DAG."""
    return [word.strip() for word in text.split(",") if word.strip()]


def require_people(text: str) -> None:
    """Check that each of them can log in, as far as Airflow's configuration says.

    Raises:
        ConfigError: The list names nobody, or users that Airflow does not have.
    """
    named = people(text)
    if text.strip() and not named:
        raise ConfigError(
            f"The Airflow Variable {VARIABLE} is {text!r} and names nobody. Give user ids, separated "
            f"by commas, or delete it to let everybody answer who may edit the DAG."
        )
    known = _known()
    unknown = [name for name in named if known is not None and name not in known]
    if unknown:
        raise ConfigError(
            f"The Airflow Variable {VARIABLE} names {listed(unknown)}, whom Airflow does not know "
            f"(users: {listed(sorted(known or ()))}). Nobody could answer the approval. Mend the "
            f"Variable, or run with the form's approve off."
        )


def _known() -> set[str] | None:
    """Users of the simple auth manager; None where another one, which asks elsewhere, decides."""
    if not conf.get("core", "auth_manager", fallback=SIMPLE).endswith(SIMPLE):
        return None
    if conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False):
        return None
    users = conf.getlist("core", "simple_auth_manager_users", fallback=None) or []
    return {user.split(":")[0] for user in users}
