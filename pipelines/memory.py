"""How much memory a process has held.

Why: ``getrusage`` of a started process begins at the size of its parent, whose memory it shares
    until exec: a small child of a large process would be called large.
Promise: the standard library alone, so that the fork server can import it before it forks.
"""

from pathlib import Path


def peak_memory_bytes(pid: int | str = "self") -> int:
    """VmHWM of a process: the most memory it has held; 0 when it cannot be read any more."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
