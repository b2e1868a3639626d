"""The path template of a folder, from the names of its files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError
from pipelines.core.partitions import GRAINS, Partitions
from pipelines.drivers.scaffold.profile.files import find_files
from pipelines.spec.path_fields import filled

FOLDERS = {
    "ds={day}/part-*.parquet": ["ds=2026-01-31/part-0.parquet", "ds=2026-02-01/part-1.parquet"],
    "flights-{year}-{month}.csv": ["flights-2013-01.csv", "flights-2013-02.csv"],
    "flights_{year}{month}.csv.gz": ["flights_201301.csv.gz", "flights_201302.csv.gz"],
    "{year}/{month}/{dayofmonth}.csv": ["2026/01/31.csv", "2026/02/01.csv"],
    "year={year}/month={month}/day={dayofmonth}/x.orc": ["year=2026/month=01/day=03/x.orc"],
    "log-{day}T{hour}.jsonl": ["log-2026-01-01T05.jsonl", "log-2026-01-01T06.jsonl"],
    "{year}-W{week}.csv": ["2026-W05.csv", "2026-W06.csv"],
    "sales {year}-Q{quarter}.xlsx": ["sales 2026-Q1.xlsx", "sales 2026-Q2.xlsx"],
    "{year}_{month}_{dayofmonth}.TSV": ["2026_01_31.TSV", "2026_02_01.TSV"],
    "*/{day}.csv": ["eu/2026-01-01.csv", "us/2026-01-01.csv"],
    "month=*/a.csv": ["month=01/a.csv", "month=02/a.csv"],
    "*.csv": ["a.csv", "b.csv", "README.md", ".hidden.csv", "_SUCCESS"],
    "v{{1}}-*.csv": ["v{1}-[a].csv", "v{1}-b.csv"],
}


def made(folder, names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a,b\n")
    return folder


@pytest.mark.parametrize(("template", "names"), FOLDERS.items())
def test_a_template_is_found_in_the_names(template, names, tmp_path):
    assert find_files(made(tmp_path, names)).template == template


@given(
    grain=st.sampled_from(GRAINS),
    number=st.integers(0, 60),
    before=st.sampled_from(["", "visits-", "x_", "in/ds="]),
    after=st.sampled_from([".csv", "/part-0.parquet", "_v1.jsonl.gz"]),
)
def test_a_template_matches_the_file_of_each_partition(
    tmp_path_factory, grain, number, before, after
):
    partitions = Partitions(grain)
    key = partitions.shift(partitions.of_day("2019-12-29"), number)
    folder = made(tmp_path_factory.mktemp("files"), [f"{before}{key}{after}"])
    found = find_files(folder)
    assert found.grain == grain
    assert (folder / filled(found.template, partitions, key)) == found.files[0]


def test_files_are_in_the_order_of_their_times_not_of_their_folders(tmp_path):
    names = ["b/2026-01-01.csv", "a/2026-01-03.csv", "c/2026-01-02.csv"]
    found = find_files(made(tmp_path, names))
    assert [path.stem for path in found.files] == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_a_folder_without_tables_is_refused_with_what_it_has(tmp_path):
    with pytest.raises(
        ConfigError, match=r"it has notes\.md.*Expected files that end in \.csv"
    ):
        find_files(made(tmp_path, ["notes.md"]))
    with pytest.raises(ConfigError, match="no such file or directory"):
        find_files(tmp_path / "nowhere")
