"""The kernel's count of out-of-memory kills, wherever a control group keeps it."""

import pytest

from pipelines.core.oom_kills import OomKills, oom_kills

GROUPS = {
    "v2": ("0::/user.slice/run-1.scope\n", "user.slice/run-1.scope/memory.events"),
    "v2 in a container": ("0::/\n", "memory.events"),
    "v1": ("4:memory:/batch/1\n0::/\n", "memory/batch/1/memory.oom_control"),
    "v1 in a container": (
        "9:cpu,cpuacct:/a\n4:memory:/docker/ab\n",
        "memory/memory.oom_control",
    ),
}


def machine(folder, groups, counter, kills, *, boot="b1", everywhere=90):
    """A made-up /proc and its control groups."""
    proc, cgroup = folder / "proc", folder / "cgroup"
    (proc / "self").mkdir(parents=True, exist_ok=True)
    (proc / "sys/kernel/random").mkdir(parents=True, exist_ok=True)
    (proc / "self/cgroup").write_text(groups)
    (proc / "sys/kernel/random/boot_id").write_text(f"{boot}\n")
    (proc / "vmstat").write_text(f"pgfault 5\noom_kill {everywhere}\n")
    if counter:
        (cgroup / counter).parent.mkdir(parents=True, exist_ok=True)
        (cgroup / counter).write_text(f"oom 7\noom_kill {kills}\noom_group_kill 0\n")
    return oom_kills(proc, cgroup)


@pytest.mark.parametrize("kind", GROUPS)
def test_kills_of_the_own_group_are_counted_and_those_elsewhere_are_not(tmp_path, kind):
    before = machine(tmp_path, *GROUPS[kind], 2)
    assert machine(tmp_path, *GROUPS[kind], 2, everywhere=99).since(before) == 0
    assert machine(tmp_path, *GROUPS[kind], 3).since(before) == 1


def test_without_a_group_the_machines_kills_are_counted(tmp_path):
    before = machine(tmp_path, "0::/\n", "", 0, everywhere=1)
    assert machine(tmp_path, "0::/\n", "", 0, everywhere=3).since(before) == 2


def test_counts_of_another_group_or_boot_are_no_evidence(tmp_path):
    before = machine(tmp_path, *GROUPS["v2"], 2)
    groups, counter = GROUPS["v2"]
    moved = groups.replace("1", "2"), counter.replace("1", "2")
    assert machine(tmp_path, *moved, 5).since(before) == 0
    assert machine(tmp_path, *GROUPS["v2"], 5, boot="b2").since(before) == 0


def test_where_nothing_can_be_read_nothing_is_claimed(tmp_path):
    nothing = oom_kills(tmp_path / "proc", tmp_path / "cgroup")
    assert nothing == OomKills("", 0)
    assert OomKills("", 4).since(nothing) == 0


def test_this_machine_reports_a_count():
    found = oom_kills()
    assert found.since(found) == 0
    assert found.scope
