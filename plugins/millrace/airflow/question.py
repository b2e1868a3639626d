"""The words of the question before a promotion: what is asked, what each button does, what was answered.

Why: who answers has often not followed the run, and must not have to know Millrace's words.
Promise: both buttons name the version that is used afterwards; the body has the verdict in people's words,
    a link to the card, and the numbers.
Not here: asking (``approval.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from millrace.airflow.links import page_address
from pipelines.protocol import Work, giver_of, ref_of
from pipelines.protocol.stage import REPORTS
from pipelines.shared.pages.headlines import verdict_headline

PROMOTING, KEEPING = BUTTONS = ("Promote", "Keep")
ASKED, YES, NO = "asked", giver_of("promotion").name, "keep"
"""As in ``pipelines/stages/promote/decision.py``, which is for the stage's own process."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is shown.

    Attributes:
        subject: The question in one line.
        body: What to know before answering, as Markdown.
        options: The buttons.
    """

    subject: str
    body: str
    options: list[str]


def question_of(
    work: Work, preview: Mapping[str, Any], waiting: Mapping[str, Any], numbers: str
) -> Question:
    """The question about a version that waits.

    Args:
        work: The promotion's.
        preview: What the promotion would come to.
        waiting: What was registered: ``version``.
        numbers: The reason and the metrics of its evaluation, as Markdown.
    """
    version, champion = waiting["version"], preview["champion"]
    kept = "no model" if champion is None else f"version {champion}"
    yes, no = f"{PROMOTING} version {version}", f"{KEEPING} {kept}"
    verdict = preview["verdict"]
    card = page_address(ref_of(giver_of("evaluation"), work), REPORTS)
    body = [
        f"**{verdict}**: {verdict_headline(verdict, met=preview['met'])}. [Model card]({card})",
        numbers,
        f"- **{yes}**: it becomes the champion, from now on the model in use.",
        f"- **{no}**: nothing changes; version {version} stays registered, and its fate is refused, by you.",
    ]
    subject = (
        f"{work.pipeline.title}: promote version {version}, the model as of {work.model_day}?"
    )
    return Question(
        subject, "\n\n".join(filter(None, body[:2])) + "\n\n" + "\n".join(body[2:]), [yes, no]
    )


def answer_of(response: Mapping[str, Any]) -> dict[str, str]:
    """The answer as the promotion is given it: ``answer``, ``by``, ``at`` and ``why``."""
    chosen = str(response["chosen_options"][0])
    user = response.get("responded_by_user") or {}
    at = response.get("responded_at")
    why = (response.get("params_input") or {}).get("why") or ""
    return {
        "answer": YES if chosen.startswith(PROMOTING) else NO,
        "by": str(user.get("name") or user.get("id") or ""),
        "at": "" if at is None else at.isoformat(),
        "why": " ".join(str(why).split()),
    }


def numbers_of(result: Mapping[str, Any] | None) -> str:
    """The reason of an evaluation and its numbers, from its XCom, as Markdown."""
    found = result or {}
    numbers = [
        f"- {name}: {value:.4g}" for name, value in sorted(found.get("metrics", {}).items())
    ]
    return "\n".join([str(found.get("reason", "")), "", *numbers]).strip()


def answered(result: Mapping[str, Any] | None, name: str) -> str:
    """A part of an answer, from the XCom of the question; empty where nobody was asked."""
    return str((result or {}).get(name, ""))
