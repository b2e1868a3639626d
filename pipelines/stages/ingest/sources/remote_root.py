"""Open the root of files that are not on this machine, with the credentials of a connection.

Promise: nothing of an earlier listing is remembered; a message has no password.
Not here: the options that a connection gives (``storage_options.py``).
"""

from typing import Any

from pipelines.core.connections import Connection, without_secrets
from pipelines.core.errors import ConfigError
from pipelines.stages.ingest.sources.storage_options import file_system_options


def opened_root(root: str, connection: Connection | None) -> tuple[Any, str]:
    """Fsspec's file system of a URI, and the root's path in it.

    Raises:
        ConfigError: Its file system is not known, not installed, or does not take the options.
    """
    import fsspec

    try:
        fs, base = fsspec.core.url_to_fs(root, **_options(root, connection))
    except (ValueError, ImportError, TypeError) as error:
        raise ConfigError(
            f"source {without_secrets(root)!r} cannot be opened: {without_secrets(str(error))}. Install "
            f"the file system it needs, correct the connection, or give a folder."
        ) from error
    fs.invalidate_cache()
    return fs, base


def _options(root: str, connection: Connection | None) -> dict[str, Any]:
    """The connection's options, but for those that the URI itself gives (``sftp://user@host``)."""
    import fsspec

    protocol = root.partition("://")[0]
    given = file_system_options(protocol, connection)
    if not given:
        return {}
    in_uri = fsspec.get_filesystem_class(protocol)._get_kwargs_from_urls(root)
    return {name: value for name, value in given.items() if name not in in_uri}
