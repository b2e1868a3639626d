"""File permissions of what this program writes: the owner alone, unless a setting says otherwise.

Why: the store, the quarantine and a local database hold rows of people, and the usual umask lets
    every user of the machine read them.
Promise: a private folder is the caller's own, not a link, and no other user can write into it.
"""

import getpass
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pipelines.core.errors import ConfigError

UMASK = "MILLRACE_UMASK"
"""Sets another umask in octal digits: ``007`` for a store that a group shares, ``022`` for all."""
OWNER_ALONE = 0o077


def chosen_umask(environ: Mapping[str, str] = os.environ) -> int:
    """The umask for everything this program writes.

    Raises:
        ConfigError: ``MILLRACE_UMASK`` is not a umask, or denies the owner.
    """
    text = environ.get(UMASK, "")
    if not text:
        return OWNER_ALONE
    mask = int(text, 8) if set(text) <= set("01234567") else -1
    if not 0 <= mask <= 0o077:  # noqa: PLR2004  the owner's own bits stay
        raise ConfigError(
            f"{UMASK} is {text!r}; expected octal digits from 000 to 077, such as 077 (the owner "
            f"alone), 007 (the group too) or 022 (all users may read)."
        )
    return mask


def private_folder(path: Path) -> Path:
    """Create a folder that this user alone can open, or check an existing one.

    A name below a temporary folder can be guessed, and another user may have created it first.

    Raises:
        ConfigError: It is not a folder, belongs to another user, or others may write into it.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or mode & 0o022:
        kind = "folder" if stat.S_ISDIR(found.st_mode) else "link or file"
        raise ConfigError(
            f"{path} is a {kind} of user {found.st_uid} with mode {mode:03o}; expected a folder of "
            f"user {os.geteuid()} with mode 700. Its contents may be another user's and are not "
            f"used: remove it, or set TMPDIR to a folder of your own."
        )
    if mode & 0o077:
        path.chmod(0o700)
    return path


def login_name() -> str:
    """Name of the user of this process; its number where the system has no name for it."""
    try:
        return getpass.getuser()
    except (
        OSError,
        KeyError,
    ):  # a container's user without an entry; KeyError before Python 3.13
        return f"user {os.getuid()}"
