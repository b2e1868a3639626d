"""The folder of a local Airflow: where its things are, and its secrets.

Why: a second start must find the database, the password and the store of the first.
Promise: a secret is generated once and readable by its owner alone.
"""

import base64
import json
import os
import secrets
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pipelines.core.rights import chosen_umask

USER = "admin"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the components share and a person logs in with.

    Attributes:
        password: Of the user ``admin``.
        jwt: Signs the tokens of tasks and of REST clients.
        api: Signs what the UI keeps in cookies.
        fernet: Encrypts connections in the database.
    """

    password: str
    jwt: str
    api: str
    fernet: str

    @classmethod
    def generate(cls) -> Self:
        """New ones."""
        return cls(
            password=secrets.token_urlsafe(9),
            jwt=secrets.token_hex(64),
            api=secrets.token_hex(32),
            fernet=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        )


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below one folder.

    Attributes:
        root: The folder, absolute.
    """

    root: Path

    @classmethod
    def at(cls, path: Path) -> Self:
        """The home at a path, made if it is not there; what is in it is its owner's alone."""
        root, umask = path.absolute(), chosen_umask()
        if not root.exists():
            root.mkdir(parents=True, mode=0o777 & ~umask)
        for folder in (root / "airflow", root / "logs", root / "store", root / "source"):
            folder.mkdir(exist_ok=True)
            mode = stat.S_IMODE(folder.stat().st_mode)
            if mode & umask:  # an earlier version left it open to others
                folder.chmod(mode & ~umask)
        return cls(root)

    @property
    def airflow(self) -> Path:
        """``AIRFLOW_HOME``."""
        return self.root / "airflow"

    @property
    def logs(self) -> Path:
        """One file a component, and Airflow's task logs in ``tasks/``."""
        return self.root / "logs"

    @property
    def store(self) -> Path:
        """Root of the artifact store."""
        return self.root / "store"

    @property
    def source(self) -> Path:
        """Folder of the simulated sources."""
        return self.root / "source"

    def source_of(self, pipeline: str) -> Path:
        """Root of the simulated source of a pipeline."""
        return self.source / pipeline

    @property
    def passwords(self) -> Path:
        """What Airflow's simple auth manager reads."""
        return self.root / "passwords.json"

    def secrets(self) -> Secrets:
        """The secrets, generated at the first call."""
        path = self.root / "secrets.json"
        known = read_json(path)
        kept = Secrets(**known) if known else Secrets.generate()
        if not known:
            write_json(path, asdict(kept), private=True)
        if read_json(self.passwords) != {USER: kept.password}:
            write_json(self.passwords, {USER: kept.password}, private=True)
        return kept


def read_json(path: Path) -> Any:
    """What a JSON file holds; None if there is no such file or it is cut off."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def write_json(path: Path, value: object, *, private: bool = False) -> None:
    """Replace a JSON file as a whole; ``private`` keeps other users from reading it."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if private else 0o644)
    with os.fdopen(fd, "w") as file:
        file.write(json.dumps(value, indent=1) + "\n")
    staged.replace(path)
