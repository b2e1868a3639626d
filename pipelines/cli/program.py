"""What this program was started as, for its help and for the commands that messages name."""

import sys
from pathlib import Path


def program() -> str:
    """``millrace`` where it is installed and was called so, else ``python -m pipelines``."""
    return "millrace" if Path(sys.argv[0]).name == "millrace" else "python -m pipelines"
