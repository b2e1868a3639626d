"""The command line as a script sees it: exit codes and what is printed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.api.work import time_limit_s
from pipelines.core.errors import ConfigError
from pipelines.protocol import option_values

ROOT = Path(__file__).resolve().parents[3]


def millrace(*argv, cwd=ROOT, **env):
    return subprocess.run(
        [sys.executable, "-m", "pipelines", *map(str, argv)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["runn"], "Did you mean 'run'"),
        (["stage", "ingst", "fraud_detection", "--store", "s"], "Did you mean 'ingest'"),
        (["stage", "ingest", "fraud", "--store", "s"], "There is no pipeline 'fraud'"),
        (["stage", "ingest", "fraud_detection", "--store", "s"], "Pass --partition YYYY-MM-DD"),
        (["stage", "train", "fraud_detection", "--store", "s"], "Pass --as-of YYYY-MM-DD"),
        (
            ["stage", "train", "fraud_detection", "--store", "s", "--as-of", "2026-1-5"],
            "Write it as YYYY-MM-DD",
        ),
        (
            ["stage", "ingest", "fraud_detection", "--store", "s", "--from", "2026-01-01"],
            "--from and --to go together",
        ),
        (
            [
                *("stage", "ingest", "fraud_detection", "--store", "s"),
                *("--from", "2026-01-02", "--to", "2026-01-01"),
            ],
            "is before --from",
        ),
        (
            [
                *(
                    "stage",
                    "ingest",
                    "fraud_detection",
                    "--store",
                    "s",
                    "--partition",
                    "2026-01-01",
                ),
                *("--from", "2026-01-01", "--to", "2026-01-02"),
            ],
            "give one of them",
        ),
        (["check", "fraud_detection", "--day", "2026-01-01"], "Pass --source"),
        (
            ["housekeeping", "fraud_detection", "--store", "s", "--keep-versions", "-1"],
            "greater than or equal to 0",
        ),
        (
            [
                *("run", "fraud_detection", "--store", "s", "--source", "s"),
                *("--from", "2026-01-02", "--to", "2026-01-01"),
            ],
            "is before --from",
        ),
        (
            ["models", "fraud_detection", "--store", "s", "--promote", "1", "--rollback"],
            "exclude",
        ),
        (["why", "fraud_detection/features/ds=2026-01-01", "--store", "s"], "is not published"),
        (
            [
                *("simulate", "fraud_detection", "--from", "2026-01-01", "--to", "2026-01-01"),
                *("--out", "s", "--rows-per-day", "0"),
            ],
            "rows_per_day",
        ),
    ],
)
def test_a_mistake_ends_with_code_2_and_says_what_would_be_right(argv, message, tmp_path):
    ended = millrace(*argv, cwd=tmp_path)
    assert ended.returncode == 2, ended.stderr
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_source_that_is_not_there_is_transient_and_names_the_path(tmp_path):
    ended = millrace(
        *("stage", "ingest", "fraud_detection", "--partition", "2026-01-01"),
        *("--store", tmp_path / "store", "--source", tmp_path),
    )
    assert ended.returncode == 4
    assert "ds=2026-01-01" in ended.stderr


def test_a_stage_whose_input_was_never_made_says_which_to_run(tmp_path):
    ended = millrace(
        "stage", "validate", "fraud_detection", "--partition", "2026-01-01", "--store", tmp_path
    )
    assert ended.returncode == 3
    assert "Run ingest for it first" in ended.stderr


def test_doctor_says_what_the_machine_has_without_importing_tensorflow():
    facts = json.loads(millrace("doctor", "--json").stdout)
    assert int(facts["cores"]) >= 1
    assert facts["apache-airflow"] == "3.3.2"


def test_check_fails_with_code_2_where_a_check_fails(tmp_path):
    ended = millrace(
        *("check", "fraud_detection", "--source", tmp_path, "--day", "2026-01-01"),
        *("--store", tmp_path),
    )
    assert ended.returncode == 2
    assert "1 of 5 checks failed" in ended.stderr
    assert ended.stdout.count("ok  ") == 4


def test_housekeeping_reports_what_it_removed(tmp_path):
    ended = millrace("housekeeping", "fraud_detection", "--store", tmp_path, "--json")
    nothing = {"versions": 0, "leftovers": 0, "bytes": 0, "kept": 0}
    assert json.loads(ended.stdout) == nothing | {"reasons": []}


@pytest.mark.parametrize(
    ("options", "seconds"),
    [(None, 86_400.0), (["workers=2"], 86_400.0), (["time_limit_s=90"], 90.0)],
)
def test_a_stage_has_a_day_unless_it_is_given_another_limit(options, seconds):
    assert time_limit_s(options) == seconds


@pytest.mark.parametrize("given", ["soon", "-1", "nan", "inf", "1e12", "true", ""])
def test_a_limit_that_is_no_time_is_refused(given):
    with pytest.raises(
        ConfigError,
        match=f"time_limit_s must be seconds.*{given}",
    ):
        time_limit_s([f"time_limit_s={given}"])


def test_a_switch_that_is_said_to_be_off_is_off():
    given = ["promote_older=False", " track = true", "workers=0"]
    assert option_values(given) == {"promote_older": False, "track": True, "workers": "0"}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("promote_older=no", "must be true or false"),
        ("promote_older=0", "must be true or false"),
        ("track=", "must be true or false"),
        ("promote_oldr=true", "Did you mean 'promote_older'"),
        ("mlflow-uri=http://host", "Did you mean 'mlflow_uri'"),
        ("workers", "needs the form key=value"),
    ],
)
def test_an_option_that_would_be_taken_for_another_is_refused(option, message):
    with pytest.raises(ConfigError, match=message):
        option_values([option])


@pytest.mark.parametrize(
    ("stage", "given", "message"),
    [
        ("evaluate", "model=", "16 to 64 hexadecimal digits"),
        ("evaluate", "model=latest", "16 to 64 hexadecimal digits"),
        ("evaluate", "mdl=0123456789abcdef", "takes training_set=DIGEST, model=DIGEST"),
        ("ingest", "model=0123456789abcdef", "ingest takes none"),
    ],
)
def test_an_input_that_a_stage_cannot_take_is_a_mistake_of_usage(stage, given, message):
    ended = millrace(
        *("stage", stage, "fraud_detection", "--as-of", "2026-03-01", "--store", "/tmp/none"),
        *("--partition", "2026-03-01", "--input", given),
    )
    assert ended.returncode == 2
    assert message in ended.stderr
