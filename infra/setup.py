"""Create the environment: find a Python, check the machine, install the locked packages.

Why: setup must work at the first try; everything that can be missing on a bare machine is reported
    in one sentence, before gigabytes are downloaded.
Promise: standard library only, and valid for any Python from 3.6, so that an old one can report
    which is needed. An incomplete environment is created again: the stamp of a complete one is
    written last. With nothing to do it takes a fraction of a second.
Not here: which versions (``requirements*.txt``), what runs in it (``Makefile``).

    python3 infra/setup.py [--dev] [--gpu]
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUPPORTED = ((3, 11), (3, 12), (3, 13))
# The environment takes 3, the download cache 3 where it is on the same disk, data the rest.
NEEDED_DISK_GB = 8.0
# The demonstration peaks at 2; a machine sold with 4 GB shows a little less.
NEEDED_MEMORY_GB = 3.5
STAMP = "millrace.json"
BASE, DEV, GPU = "requirements.txt", "requirements-dev.txt", "requirements-gpu.txt"
PYPI = "https://pypi.org/simple"
PROBE = "import sys, venv; print(*sys.version_info[:3])"
PIP = ("-m", "pip", "--disable-pip-version-check")


class SetupError(Exception):
    """The environment cannot be created; the message says why and what to do."""


def say(text: str) -> None:
    """Print a line without buffering."""
    print(f"setup: {text}", flush=True)


def python_candidates() -> list:
    """The running interpreter, then those of the supported versions on PATH."""
    named = [shutil.which(f"python{major}.{minor}") for major, minor in SUPPORTED]
    return [sys.executable, *filter(None, named)]


def find_python(candidates: list) -> str:
    """The first supported interpreter; each is run, because a shim may not work.

    Raises:
        SetupError: None of them is supported; the message lists them.
    """
    seen = []
    for path in candidates:
        version = version_of(path)
        if version[:2] in SUPPORTED:
            return str(path)
        if version:
            seen.append(f"{path} is {'.'.join(map(str, version))}")
    raise SetupError(
        f"Millrace needs Python 3.11, 3.12 or 3.13 and found none of them "
        f"({'; '.join(seen) or 'no working Python'}). Install one, or name it: "
        f"make setup PYTHON=/path/to/python3.12"
    )


def version_of(python: str) -> tuple:
    """The version that an interpreter reports; empty if it does not run."""
    parts = _output([python, "-c", PROBE]).split()
    return tuple(int(part) for part in parts) if len(parts) == len("xyz") else ()


def check_writable(root: Path) -> None:
    """Refuse a folder that cannot be written to; a write is tried, as permissions are not enough."""
    try:
        with tempfile.TemporaryFile(dir=str(root)):
            pass
    except OSError as error:
        raise SetupError(
            f"The folder {root} cannot be written to ({error.strerror}), and the environment "
            f"goes there as .venv. Copy the project to a folder of your own."
        ) from error


def check_room(free_gb: float, memory_gb: float) -> None:
    """Refuse a machine with too little disk or memory for the first run."""
    if free_gb < NEEDED_DISK_GB:
        raise SetupError(
            f"Only {free_gb:.1f} GB are free on the project's disk, and it needs about "
            f"{NEEDED_DISK_GB:.0f} (libraries 3, their download 3, data 2). Free some, or copy "
            f"the project to another disk."
        )
    if memory_gb < NEEDED_MEMORY_GB:
        raise SetupError(
            f"There are {memory_gb:.1f} GB of memory here, and Airflow with training beside it "
            f"needs 4. Use a larger machine, or raise this container's limit."
        )


def memory_gb() -> float:
    """Memory of this machine, or of this container."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            limits.append(int(Path(path).read_text()))
    return min(limits) / 1e9


def lock_digests(root: Path, names: list) -> dict:
    """Digest of each lock file's requirements, without its comments."""
    digests = {}
    for name in names:
        lines = (root / name).read_text().splitlines()
        wanted = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
        digests[name] = hashlib.sha256(wanted.encode()).hexdigest()
    return digests


def read_stamp(venv: Path) -> dict:
    """The lock digests of a complete environment; empty if it is incomplete."""
    try:
        return dict(json.loads((venv / STAMP).read_text()))
    except (OSError, ValueError):
        return {}


def write_stamp(venv: Path, digests: dict) -> None:
    """Mark the environment as complete."""
    staged = venv / f"{STAMP}.staged"
    staged.write_text(json.dumps(digests, indent=1, sort_keys=True) + "\n")
    staged.replace(venv / STAMP)


def prepare(venv: Path, python: str) -> None:
    """Prepare the folder to install into; an incomplete environment is created again."""
    if venv.exists() and not (read_stamp(venv) and version_of(str(venv / "bin" / "python"))):
        say("an earlier installation is incomplete, or no longer runs; creating it again")
        shutil.rmtree(str(venv))
    if not venv.exists():
        say(f"creating {venv.name} with {python}")
        has_pip = _output([python, "-c", "import ensurepip; print(True)"])
        without = [] if has_pip else ["--without-pip"]
        if not _works([python, "-m", "venv", *without, str(venv)]):
            shutil.rmtree(str(venv), ignore_errors=True)
            raise SetupError(
                f"{python} cannot create environments (its venv module fails). Install it, on Debian "
                f"and Ubuntu: apt install python3-venv"
            )
    # From here until the next stamp, the environment is incomplete.
    with contextlib.suppress(FileNotFoundError):
        (venv / STAMP).unlink()


def install(venv: Path, files: list) -> None:
    """Install exactly the locked packages, with uv, or with pip where uv fails.

    Raises:
        SetupError: Both failed; the message says whether the network is the cause.
    """
    env = install_environ(venv, dict(os.environ))
    python = str(venv / "bin" / "python")
    # A terminal shows uv's progress bars; a log would get a line for each of 230 libraries.
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    options = ["--require-hashes", "--compile-bytecode", *quiet]
    uv = bootstrap_uv(venv, env)
    if uv and _works([uv, "pip", "sync", "--python", python, *options, *files], env):
        return
    if "UV_NO_INDEX" not in env and not any(reachable(index) for index in indexes(env)):
        raise SetupError(
            f"No package index can be reached ({', '.join(indexes(env))}). Connect to the "
            f"network, or name a mirror (PIP_INDEX_URL=https://...), and run this again."
        )
    say("uv could not install; trying with pip, which takes some minutes")
    listed = [argument for file in files for argument in ("-r", file)]
    if not _works([python, *PIP, "install", "--require-hashes", *listed], env):
        raise SetupError(
            "The libraries could not be installed; the reason is in the lines above. "
            "Run this again when it is fixed."
        )


def bootstrap_uv(venv: Path, env: dict) -> str:
    """The pinned uv inside the environment, from pip or directly from the index; else empty."""
    uv, pinned = venv / "bin" / "uv", ROOT / "infra" / "uv.txt"
    if (
        uv.exists()
        and f"uv=={_output([str(uv), '--version']).split()[1]} " in pinned.read_text()
    ):
        return str(uv)
    say("installing uv, which installs the rest")
    quiet = ["--quiet", "--quiet", "--retries", "1", "--require-hashes", "-r", str(pinned)]
    if (venv / "bin" / "pip").exists():
        made = _works([str(venv / "bin" / "python"), *PIP, "install", *quiet], env)
    else:
        made = fetch_uv(uv, indexes(env)[0], pinned.read_text())
    return str(uv) if made else ""


def fetch_uv(uv: Path, index: str, pinned: str) -> bool:
    """Extract uv from its wheel on a package index; Debian's bare Python has no pip.

    Raises:
        SetupError: The wheel is not the pinned one.
    """
    system = {"Linux": "manylinux", "Darwin": "macosx"}.get(os.uname().sysname, "none")
    try:
        with urllib.request.urlopen(f"{index.rstrip('/')}/uv/", timeout=30) as page:
            base, text = page.geturl(), page.read().decode()
        links = re.findall(r'href="([^"#]+)#sha256=([0-9a-f]{64})"', text)
        link, digest = next(
            (link, digest)
            for link, digest in links
            if digest in pinned and system in link and os.uname().machine in link
        )
        with urllib.request.urlopen(urllib.parse.urljoin(base, link), timeout=300) as reply:
            wheel = reply.read()
    except (OSError, StopIteration):
        return False
    if hashlib.sha256(wheel).hexdigest() != digest:
        raise SetupError(f"{link} is not the wheel that infra/uv.txt pins. Try another mirror.")
    with tempfile.TemporaryFile() as file:
        file.write(wheel)
        with zipfile.ZipFile(file) as archive:
            name = next(n for n in archive.namelist() if n.endswith("/scripts/uv"))
            uv.write_bytes(archive.read(name))
    uv.chmod(0o755)
    return True


def install_environ(venv: Path, base: dict) -> dict:
    """The installers' environment: pip's configuration is passed on to uv.

    All indexes have the same priority, as for pip; every file is checked against its hash.
    """
    env = {key: value for key, value in base.items() if key != "PYTHONDONTWRITEBYTECODE"}
    listing = _output([str(venv / "bin" / "python"), *PIP, "config", "list"], env)
    config = pip_config(listing)
    passed = {
        "UV_DEFAULT_INDEX": config.get("index-url"),
        "UV_INDEX": config.get("extra-index-url"),
        "UV_FIND_LINKS": config.get("find-links"),
        "UV_NO_INDEX": config.get("no-index"),
        "SSL_CERT_FILE": config.get("cert"),
        # As pip does: a company's proxy signs with a certificate in the system's store.
        "UV_SYSTEM_CERTS": "true",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_HTTP_TIMEOUT": "120",
    }
    return {**{key: value for key, value in passed.items() if value}, **env}


def pip_config(listing: str) -> dict:
    """Settings from ``pip config list``; the environment takes precedence over files, as in pip."""
    found = {}
    for section in ("global", "install", ":env:"):
        for name, value in re.findall(rf"^{section}\.([a-z-]+)=(.*)$", listing, re.MULTILINE):
            # pip prints a Python string; several indexes in it are one per line.
            text = " ".join(shlex.split(value)).replace("\\n", " ")
            found[name] = " ".join(text.split())
    return found


def indexes(env: dict) -> list:
    """URLs of the package indexes that the installers use."""
    first = env.get("UV_DEFAULT_INDEX") or env.get("PIP_INDEX_URL") or PYPI
    return [first, *env.get("UV_INDEX", "").split()]


def reachable(url: str) -> bool:
    """Whether an index answers, even with an error status."""
    try:
        urllib.request.urlopen(url, timeout=10).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _works(argv: list, env: "dict | None" = None) -> bool:
    return subprocess.run(argv, env=env, check=False).returncode == 0


def _output(argv: list, env: "dict | None" = None) -> str:
    try:
        done = subprocess.run(
            argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


def wanted_locks(stamp: dict, dev: bool, gpu: bool) -> list:
    """The lock files to install; those installed once stay (``run`` after ``test``).

    The GPU lock includes the development tools: its versions differ from the other two.
    """
    if gpu or GPU in stamp:
        return [GPU]
    return [BASE, DEV] if dev or DEV in stamp else [BASE]


def set_up(root: Path, dev: bool, gpu: bool) -> None:
    """Install the lock files into the environment, unless it is complete already."""
    venv = root / ".venv"
    stamp = read_stamp(venv)
    names = wanted_locks(stamp, dev, gpu)
    digests = lock_digests(root, names)
    if stamp == digests and (venv / "bin" / "python").exists():
        return
    python = find_python(python_candidates())
    check_writable(root)
    # An update needs little more space.
    free_gb = NEEDED_DISK_GB if stamp else shutil.disk_usage(str(root)).free / 1e9
    check_room(free_gb, memory_gb())
    prepare(venv, python)
    say(f"installing {', '.join(names)}: 2.6 GB, once")
    install(venv, [str(root / name) for name in names])
    write_stamp(venv, digests)
    say("done")


def main(argv: list) -> int:
    """Set up; exit code 0, or 1 after reporting an error."""
    parser = argparse.ArgumentParser(description="Make the environment in .venv.")
    parser.add_argument("--dev", action="store_true", help="with what tests and checks need")
    parser.add_argument("--gpu", action="store_true", help="with CUDA builds (Linux, 3.12)")
    arguments = parser.parse_args(argv)
    try:
        # Two concurrent runs would each remove the other's incomplete installation.
        with Path(__file__).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            set_up(ROOT, arguments.dev, arguments.gpu)
    except SetupError as why:
        print(f"setup: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: stopped; run it again to start over", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
