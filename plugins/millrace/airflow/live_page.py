"""The page of a run that goes on: each task at work, how far, how fast, and what it has come to.

Why: it is what a person looks at while a model trains.
Promise: asks nothing of the browser but to load it again: no script, no file from elsewhere;
    every text is escaped.
Not here: what is known of the run (``live.py``).
"""

from collections import Counter
from datetime import datetime
from typing import Any

from millrace.airflow.live import AT_WORK, ENDED, FOR_A_PERSON, RunNow, TaskNow
from pipelines.core.events import worded
from pipelines.core.text import for_page

REFRESH_S = 5
WORDS = {
    "running": "at work",
    "deferred": "waiting",
    FOR_A_PERSON: "asking a person",
    **dict.fromkeys(ENDED, "ended"),
}

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{{ refresh_s }}">
<title>{{ run.dag_id }}: at work</title>
<style>{{ style }}
.task { margin: 14px 0; } progress { width: 100%; height: 14px; accent-color: var(--own); }
.facts { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 16px; }
.facts b { font-size: 19px; } .facts span { white-space: nowrap; } a { color: var(--own); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 10px;
  margin: 10px 0 0; } dt { color: var(--soft); font-size: 12.5px; } dd { margin: 0; font-size: 19px; }
.task > .soft:last-child { margin-top: 12px; } .bad { color: var(--bad); }
</style>
<main>
<h1>At work</h1>
<p class="soft">{{ run.dag_id }} &middot; {{ run.run_id }} &middot; tasks: {{ counts }}</p>
{% if failed %}<p class="bad">Failed: {{ failed|join(", ") }}</p>{% endif %}
{% for task in tasks %}<section class="wide task"><h2 style="margin-top: 0">{{ task.name }}</h2>
{% if task.has_progress %}<progress max="1"{% if task.share is not none %} value="{{ task.share }}"{% endif %}></progress>
<p class="facts num">{% if task.share is not none %}<b>{{ task.percent }}</b>{% endif %}
{% for fact in task.facts %}<span>{{ fact }}</span>{% endfor %}</p>
{% if task.numbers %}<dl>{% for name, text in task.numbers %}<div><dt>{{ name }}</dt>
<dd class="num">{{ text }}</dd></div>{% endfor %}</dl>{% endif %}
{% endif %}<p class="soft">{{ task.when }}</p></section>
{% else %}<p>No task is at work just now.</p>
{% endfor %}
{% if reported %}<p>Published so far:
{% for task in reported %}<a href="{{ mount }}/reports/{{ task.report }}">{{ task.name }}</a>
{% endfor %}</p>{% endif %}
</main>
</html>
"""


def live_page(run: RunNow, now: datetime, mount: str) -> str:
    """The page as HTML.

    Args:
        run: The run, as it is now.
        now: The time that ages and what is left are computed by.
        mount: What comes before ``/reports/`` in the addresses of published pages.
    """
    import jinja2
    from markupsafe import Markup

    from pipelines.shared.pages.style import STYLE

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=for_page
    )
    return environment.from_string(PAGE).render(
        run=run,
        style=Markup(STYLE),  # noqa: S704  a constant
        refresh_s=REFRESH_S,
        counts=_counts(run),
        failed=[task.name for task in run.in_state("failed")],
        tasks=[_section(task, now) for task in run.in_state(*AT_WORK)],
        reported=run.reported(),
        mount=mount,
    )


def _counts(run: RunNow) -> str:
    counts = Counter(WORDS.get(task.state, "to come") for task in run.tasks)
    return ", ".join(f"{count} {word}" for word, count in counts.items()) or "none begun"


def _section(task: TaskNow, now: datetime) -> dict[str, Any]:
    """What the page says of a task at work."""
    word = WORDS[task.state]
    begun = f"{word} for {span((now - task.since).total_seconds())}" if task.since else word
    if task.progress is None or task.progress_at is None:
        nothing = ", no progress reported yet" if task.state == "running" else ""
        return {"name": task.name, "has_progress": False, "when": f"{begun}{nothing}"}
    progress, age_s = task.progress, max((now - task.progress_at).total_seconds(), 0.0)
    share = min(progress["done"] / progress["total"], 1.0) if progress["total"] else None
    return {
        "name": task.name,
        "has_progress": True,
        "share": share,
        "percent": "" if share is None else f"{share:.0%}",
        "facts": _facts(progress, age_s),
        "numbers": worded(progress.get("values", {})),
        "when": f"{progress['work']}, {begun}, reported {span(age_s)} ago",
    }


def _facts(progress: Any, age_s: float) -> list[str]:
    of = f" of {progress['total']:,}" if progress["total"] else ""
    facts = [
        f"{progress['done']:,}{of} {progress['unit']}",
        f"{progress['per_s']:,.0f} {progress['unit']}/s",
    ]
    if progress.get("eta_s") is not None:
        facts.append(f"{span(max(progress['eta_s'] - age_s, 0.0))} left")
    return facts + ([str(progress["note"])] if progress.get("note") else [])


def span(seconds: float) -> str:
    """Seconds as a person says them: ``45 s``, ``3 min 20 s``, ``2 h 05 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
