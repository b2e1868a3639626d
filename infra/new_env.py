"""Write infra/.env: the example's settings, with every secret made up at random.

Why: a stack with the example's passwords is an open stack, so the example has none.
Promise: standard library only; an existing file is never touched; the new one is readable by
    its owner alone.
"""

import base64
import os
import secrets
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLE, TARGET = HERE / "example.env", HERE / ".env"


def fernet_key() -> str:
    """A key of the form that Airflow's encryption takes."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


MAKERS = {
    "POSTGRES_PASSWORD": secrets.token_hex,
    "AIRFLOW_DATABASE_PASSWORD": secrets.token_hex,
    "MLFLOW_DATABASE_PASSWORD": secrets.token_hex,
    "AIRFLOW_ADMIN_PASSWORD": lambda: secrets.token_urlsafe(18),
    "AIRFLOW_FERNET_KEY": fernet_key,
    "AIRFLOW_API_SECRET_KEY": secrets.token_hex,
    "AIRFLOW_JWT_SECRET": lambda: secrets.token_hex(64),
}


def filled(example: str) -> str:
    """The example with a fresh value on the line of each secret."""
    lines = (line.removesuffix("=") for line in example.splitlines())
    return "".join(
        f"{n}={MAKERS[n]()}\n" if n in MAKERS else f"{old}\n"
        for n, old in zip(lines, example.splitlines(), strict=True)
    )


def write(target: Path = TARGET) -> None:
    """Make the file, or say that it is there."""
    try:
        # O_EXCL: two at once must not end with the passwords of one in the stack of the other.
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.exit(f"{target} exists and was left alone. Remove it to have new secrets made.")
    with os.fdopen(file, "w") as text:
        text.write(filled(EXAMPLE.read_text()))
    sys.stdout.write(f"{target}: made. AIRFLOW_ADMIN_PASSWORD in it opens the Airflow UI.\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
