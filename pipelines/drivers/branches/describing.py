"""What differs between main and a branch, as lines for a person.

Not here: finding it (the modules beside this one).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.core.text import counted

SHOWN = 12


def describe_difference(found: Mapping[str, Any]) -> str:
    """The difference of a branch as lines: datasets, causes, rows, features, models."""
    lines = [
        f"{found['pipeline']}: branch {found['branch']} beside main",
        *(
            ["its promotion was stopped half-way: promote it again"]
            if found["unfinished"]
            else []
        ),
        *_dataset_lines(found["datasets"]),
        *_cause_lines(found["artifacts"]),
        *_quarantine_lines(found["quarantined"], found["refused"]),
        *_feature_lines(found["features"]),
        *(line for each in found["models"] for line in _model_lines(each)),
    ]
    if not found["artifacts"]:
        lines.append("  nothing differs: everything is main's own")
    return "\n".join(lines)


def _dataset_lines(datasets: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for name, counts in datasets.items():
        texts = ", ".join(f"{count:,} {status}" for status, count in counts.items())
        yield f"  {name}: {texts}"


def _cause_lines(artifacts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each cause once, with how many artifacts have it; inputs follow from other causes."""
    causes: dict[str, int] = {}
    for each in artifacts:
        for text in [*each["differs"], *each["outdated_by"]]:
            causes[text] = causes.get(text, 0) + 1
    own = {t: n for t, n in causes.items() if not t.startswith("inputs ")} or causes
    if own:
        yield "what differs:"
    yield from _first([f"  {text} ({counted(n, 'artifact')})" for text, n in own.items()])


def _quarantine_lines(
    rules: Mapping[str, Mapping[str, int]], refused: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    changed = {rule: n for rule, n in rules.items() if n["main"] != n["branch"]}
    if changed:
        yield "rows quarantined, main -> branch:"
    yield from _first([f"  {r}: {n['main']:,} -> {n['branch']:,}" for r, n in changed.items()])
    for side, names in refused.items():
        yield f"refused on {side if side == 'main' else 'the branch'} alone: {', '.join(names)}"


def _feature_lines(partitions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not partitions:
        return
    counts = ("rows", "only_main", "only_branch")
    rows, on_main, on_branch = (sum(each[name] for each in partitions) for name in counts)
    yield (
        f"features of {counted(len(partitions), 'partition')}: {counted(rows, 'row')} on both, "
        f"{on_main:,} on main alone, {on_branch:,} on the branch alone"
    )
    for what in ("added", "removed"):
        names = dict.fromkeys(name for each in partitions for name in each[what])
        if names:
            yield f"  {what}: {', '.join(names)}"
    changed = _rows_changed(partitions)
    yield from _first([f"  {name}: {n / rows:.2%} of the rows changed" for name, n in changed])


def _rows_changed(partitions: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """Rows with another value over all partitions, by column, most first."""
    sums: dict[str, float] = {}
    for each in partitions:
        for name, share in each["changed"].items():
            sums[name] = sums.get(name, 0.0) + share * each["rows"]
    return sorted(sums.items(), key=lambda item: -item[1])


def _model_lines(model: Mapping[str, Any]) -> Iterator[str]:
    verdicts = model["verdicts"]
    rows = f", {counted(model['rows'], 'row')} of both" if "rows" in model else ""
    yield (
        f"model {model['key']}{rows}; verdict on main {verdicts['main'] or 'none'}, on the branch "
        f"{verdicts['branch'] or 'none'}"
    )
    for name, each in model["metrics"].items():
        text = f"  {name}: {each['main']:.4f} -> {each['branch']:.4f}"
        if "interval" in each:
            low, high = each["interval"]
            text += f", difference {each['difference']:+.4f} ({low:+.4f} to {high:+.4f})"
        yield text


def _first(lines: list[str]) -> list[str]:
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"  and {more} more (--json has them all)"] if more > 0 else [])]


def describe_promotion(found: Mapping[str, Any]) -> str:
    """What a promotion moved, and what production's declaration must say, as lines."""
    lines = [f"main publishes {counted(len(found['moved']), 'artifact')} of the branch now"]
    lines += _first([f"  {name}" for name in found["moved"]])
    if found["stayed"]:
        lines.append(f"left on the branch: {', '.join(found['stayed'][:SHOWN])}")
    if found["settings"]:
        lines.append(
            "Change production's declaration and code as well, or its next run makes the old ones again:"
        )
        lines += _first([f"  {text}" for text in found["settings"]])
    lines.append(
        "The champion is as before: run the model's stages, or promote its version, on main."
    )
    return "\n".join(lines)
