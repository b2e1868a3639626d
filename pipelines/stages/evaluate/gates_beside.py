"""Gates on comparisons: with the baseline, of subgroups with the rest, and of groups with the champion.

Why: a difference is known to some precision only; a point alone would reject by chance.
Promise: REJECTED where a gate is missed for certain, NOT_BETTER where it is missed, or may be, by what the resamples allow.
"""

from collections.abc import Iterator, Mapping, Sequence

from pipelines.shared.metrics.bootstrap import Interval, Sampled
from pipelines.spec import Gates, Head, metrics_of, primary_metric
from pipelines.stages.evaluate.subgroups import MeasuredGroup
from pipelines.stages.evaluate.verdict import NOT_BETTER, REJECTED, GateFinding, title_of


def baseline_finding(
    gates: Gates, head: Head, own: Sampled, baseline: Sampled, title: str
) -> Iterator[GateFinding]:
    """What ``min_gain_over_baseline`` says; nothing where it is not declared.

    Args:
        gates: As declared.
        head: What the model predicts.
        own: The model's.
        baseline: The baseline's, on the same resamples.
        title: What the baseline is.
    """
    least, metric = gates.min_gain_over_baseline, primary_metric(head)
    if least is None:
        return
    if metric not in own.metrics or metric not in baseline.metrics:
        yield GateFinding(
            REJECTED,
            f"{title_of(metric).capitalize()} could not be compared with the baseline's.",
        )
        return
    gain, (low, high) = _turned(
        own.metrics[metric] - baseline.metrics[metric],
        own.less(baseline)[metric],
        metrics_of(head)[metric],
    )
    about = f"Its gain in {title_of(metric)} over the baseline ({title}) is {gain:+.4f} ({low:+.4f} to {high:+.4f}); "
    if gain < least:
        yield GateFinding(REJECTED, f"{about}the gate is {least:g}.")
    elif not low >= least:
        yield GateFinding(
            NOT_BETTER, f"{about}the lower end does not reach the gate {least:g}."
        )
    else:
        yield GateFinding("", f"{about}it reaches the gate {least:g}.")


def subgroup_findings(
    gates: Gates, known: Mapping[str, bool | None], groups: Sequence[MeasuredGroup]
) -> Iterator[GateFinding]:
    """What ``max_subgroup_gap`` says of each group."""
    for metric, most in gates.max_subgroup_gap:
        for each in groups:
            gap = each.gaps().get(metric)
            if gap is not None:
                yield from _of_group(each, metric, most, _turned(*gap, known[metric]))


def champion_findings(
    gates: Gates, head: Head, groups: Sequence[MeasuredGroup]
) -> Iterator[GateFinding]:
    """What ``max_subgroup_loss_to_champion`` says of each group: NOT_BETTER where the loss is surely larger."""
    most, metric = gates.max_subgroup_loss_to_champion, primary_metric(head)
    if most is None:
        return
    for each in groups:
        gain = each.gains().get(metric)
        if gain is None:
            continue
        value, (low, high) = _turned(*gain, metrics_of(head)[metric])
        if -high > most:
            yield GateFinding(
                NOT_BETTER,
                f"In {_named(each)} its {title_of(metric)} is {-value:.4f} worse than the champion's on the same rows "
                f"({-high:+.4f} to {-low:+.4f}); {most:g} is allowed.",
            )


def _named(each: MeasuredGroup) -> str:
    group = each.group
    return (
        f"the slice {group.name}"
        if ":" in group.name
        else f"the group {group.column} {group.name}"
    )


def _of_group(
    each: MeasuredGroup, metric: str, most: float, gain: tuple[float, Interval]
) -> Iterator[GateFinding]:
    """A finding where the group is worse than the rest by more than so much."""
    worse, (least, highest) = -gain[0], (-gain[1][1], -gain[1][0])
    if not worse > most:
        return
    about = (
        f"In the subgroup {each.group.column} {each.group.name} its {title_of(metric)} is {worse:.4f} worse than in "
        f"the rest ({least:+.4f} to {highest:+.4f}); {most:g} is allowed."
    )
    yield GateFinding(REJECTED if least > most else NOT_BETTER, about)


def _turned(value: float, between: Interval, more: bool | None) -> tuple[float, Interval]:  # noqa: FBT001
    """A difference as a gain: above 0 where it is better."""
    return (value, between) if more else (-value, (-between[1], -between[0]))
