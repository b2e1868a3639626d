"""Write infra/.env: the example's settings, with a random value for every secret.

Why: a stack with the example's passwords is an open stack, so the example has none.
Promise: standard library only; an existing file is never changed; the new one is readable by
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
    """A random key in the format of Airflow's encryption."""
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
    """The example with a new value on the line of each secret."""
    lines = (line.removesuffix("=") for line in example.splitlines())
    return "".join(
        f"{n}={MAKERS[n]()}\n" if n in MAKERS else f"{old}\n"
        for n, old in zip(lines, example.splitlines(), strict=True)
    )


def write(target: Path = TARGET) -> None:
    """Create the file, or exit with an error if it exists."""
    try:
        # O_EXCL: of two concurrent runs one must fail.
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.exit(f"{target} exists and was not changed. Remove it to create new secrets.")
    with os.fdopen(file, "w") as text:
        text.write(filled(EXAMPLE.read_text()))
    sys.stdout.write(
        f"{target}: created. Log in to the Airflow UI with AIRFLOW_ADMIN_PASSWORD from it.\n"
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
