"""Health check of one container: request a URL, and optionally Airflow's status of one component.

Why: the images have no curl, and ``airflow jobs check`` costs seconds of CPU each time.
Promise: standard library only; exit code 0 means healthy, 1 not, with the reason on stderr.

    python healthy.py http://localhost:8787/health
    python healthy.py http://api-server:8080/api/v2/monitor/health triggerer
"""

import json
import sys
import urllib.request

TIMEOUT_S = 5


def problem(url: str, component: str | None) -> str | None:
    """Why the service counts as unhealthy, or None."""
    try:
        # Only http(s) is requested: the URLs are literals of compose.yaml.
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply:
            body = reply.read()
    except OSError as error:
        return f"{url} did not answer: {error}."
    if component is None:
        return None
    status = (json.loads(body).get(component) or {}).get("status")
    return (
        None
        if status == "healthy"
        else f"{url} reports {component} as {status!r}, not 'healthy'."
    )


def main(arguments: list[str]) -> int:
    """Check and report."""
    url, *component = arguments
    found = problem(url, component[0] if component else None)
    if found:
        sys.stderr.write(f"{found}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
