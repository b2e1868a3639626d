"""The page of a promotion: what happened to the model, why, and what can be done.

Why: the card was made before the promotion and cannot say what came of it.
Promise: self-contained, from the published ``promotion.json`` alone; it says how things were when the
    promotion was made.
Not here: how good the model is (the card, ``pipelines/stages/evaluate/card.py``).
"""

from collections.abc import Mapping
from typing import Any

import jinja2
from markupsafe import Markup

from pipelines.core.text import for_page
from pipelines.shared.pages.headlines import fate_headline
from pipelines.shared.pages.style import STYLE
from pipelines.shared.registry.fates import PROMOTED, SUPERSEDED, WAITING

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: promotion as of {{ as_of }}</title>
<style>{{ style }}</style>
<main>
<h1>{{ title }}</h1>
<p class="soft">Promotion of the model as of {{ as_of }}</p>
<section class="verdict {{ fate }}"><b>{{ fate }}: {{ headline }}</b>
<p>{{ reason }}.</p><p>{{ next }}</p></section>
<section class="wide"><table>
{% for name, value in facts %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}</table></section>
</main>
</html>
"""


def promotion_page(promotion: Mapping[str, Any]) -> str:
    """The page as HTML.

    Args:
        promotion: What ``promotion.json`` holds.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=for_page
    )
    reason = str(promotion["reason"])
    return environment.from_string(
        PAGE
    ).render(
        title=promotion["title"],
        style=Markup(STYLE),  # noqa: S704  a constant
        as_of=promotion["as_of"],
        fate=promotion["fate"],
        headline=fate_headline(promotion["fate"], promotion["version"]),
        reason=reason[:1].upper() + reason[1:],
        next=_next(promotion),
        facts=_facts(promotion),
    )


def _next(promotion: Mapping[str, Any]) -> str:
    """What can be done now."""
    name, number, before = (promotion[each] for each in ("pipeline", "version", "before"))
    by_hand = (
        f"The DAG {name}_champion, or models {name} --promote {number} --why TEXT, makes it the champion "
        f"all the same."
    )
    if promotion["fate"] == PROMOTED:
        kept = before in (None, number)
        return "" if kept else f"{_back(name)} makes version {before} the champion again."
    if promotion["fate"] == WAITING:
        return f"Answer in Airflow, under the run's required actions. {by_hand}"
    if promotion["fate"] == SUPERSEDED:
        return f"Nothing needs to be done. {by_hand}"
    return f"Its card says how good it is. {by_hand}"


def _back(name: str) -> str:
    return f"The DAG {name}_champion, or models {name} --rollback --why TEXT,"


def _facts(promotion: Mapping[str, Any]) -> list[tuple[str, str]]:
    champion, before = promotion["champion"], promotion["before"]
    facts = [
        ("version", str(promotion["version"])),
        ("fate, what happened to it", promotion["fate"]),
        ("verdict of its evaluation", promotion["verdict"]),
        ("champion before", "none" if before is None else f"version {before}"),
        ("champion after", "none" if champion is None else f"version {champion}"),
    ]
    by = promotion.get("decided_by")
    return [*facts, ("answered by", by)] if by else facts
