"""Give the assets of a task their events: one for each thing that changed, and none for what did not.

Why: Airflow gives every outlet of a task that ends well an event, also where a retry found everything done
    or a model was not promoted; who is scheduled by it then works for nothing, or on what is not there.
Promise: an asset has an event only where what it stands for is another than in its last event, which Airflow
    keeps for each asset and key (its asset state store). So a retry after a kill makes up for an event that was
    lost, and a repeated run makes none.
Not here: what is in an event (``news.py``).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset
from airflow.sdk.definitions.asset import AssetUniqueKey

from millrace.airflow.assets import assets
from millrace.airflow.news import CHAMPION, News
from pipelines.spec import Pipeline

if TYPE_CHECKING:
    from airflow.sdk.execution_time.context import OutletEventAccessor

MEMORY, EVENTS = "asset_state_store", "outlet_events"


class EventKey(AssetUniqueKey):
    """Names one event of several of an asset.

    Airflow keeps what events have in them by the asset's key, one for all partitions of a task. A key
    that equals itself alone keeps the facts of each partition apart.
    """

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def announce(task: Any, context: Mapping[str, Any], news: Iterable[News]) -> list[News]:
    """Give events to the task's outlets for what is new, and to none of them else.

    Args:
        task: The operator that runs; outlets that the news are not about stay as they are.
        context: Its context.
        news: What may be worth an event.

    Returns:
        What became an event.
    """
    of_task = [each for each in news if each.asset in task.outlets]
    announced = [each for each in of_task if _is_new(context, each) and each.wanted]
    for asset in task.outlets:
        _give_events(context, asset, [each for each in announced if each.asset == asset])
    return announced


def without(outlets: Sequence[Any], silent: Iterable[Asset]) -> list[Any]:
    """The outlets less those that are to have no event: Airflow gives one to each that a task still has."""
    gone = list(silent)
    return [outlet for outlet in outlets if outlet not in gone]


def announce_champion(
    task: Any,
    context: Mapping[str, Any],
    pipeline: Pipeline,
    facts: Mapping[str, Any],
    *,
    changed: bool = True,
) -> None:
    """Give the model's asset an event after the champion was changed by hand, and none if it was not.

    Args:
        task: The operator that changed it, with ``assets(pipeline)["model"]`` among its outlets.
        context: Its context.
        pipeline: The declaration.
        facts: What the event has in its ``extra``: ``version`` of the champion, how and by whom it came.
        changed: Whether this task changed it.
    """
    asset = assets(pipeline)["model"]
    state = f"version {facts['version']}"
    news = News(asset=asset, key=CHAMPION, state=state, facts=facts, fresh=changed)
    silence(task, [asset], announce(task, context, [news]))


def silence(task: Any, own: Iterable[Asset], announced: Iterable[News]) -> None:
    """Take the assets that have no news from the outlets of a task."""
    spoken = [each.asset for each in announced]
    task.outlets = without(task.outlets, [asset for asset in own if asset not in spoken])


def _is_new(context: Mapping[str, Any], news: News) -> bool:
    """Whether it is other than what was last known, which it then is.

    A champion changed by another way than Airflow leaves the last event of it outdated: a change made
    now is new in any case, and what was found published only where an earlier try of the task made it.
    """
    memory = context.get(MEMORY)
    if memory is None:
        return news.fresh
    before = memory[news.asset].get(news.key)
    if before != news.state:
        memory[news.asset].set(news.key, news.state)
    if news.key == CHAMPION:
        return news.fresh or (before != news.state and _is_retry(context))
    return bool(before != news.state)


def _is_retry(context: Mapping[str, Any]) -> bool:
    return int(getattr(context.get("ti"), "try_number", 1) or 1) > 1


def _give_events(context: Mapping[str, Any], asset: Asset, news: Sequence[News]) -> None:
    for number, each in enumerate(news):
        events = context[EVENTS]
        event = _further_event(events, asset) if number else events[asset]
        event.extra = dict(each.facts)
        if each.partition:
            event.add_partitions(each.partition)


def _further_event(events: Any, asset: Asset) -> "OutletEventAccessor":
    """One more event of an asset, with facts of its own."""
    from airflow.sdk.execution_time.context import OutletEventAccessor

    event = OutletEventAccessor(key=AssetUniqueKey.from_asset(asset))
    events._dict[EventKey(asset.name, asset.uri)] = event
    return event
