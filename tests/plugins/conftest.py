"""Airflow reads its home when it is imported, so that is set before any test module is."""

import os
import shutil
import tempfile

import pytest

HOME = tempfile.mkdtemp(prefix="millrace-airflow-")
os.environ["AIRFLOW_HOME"] = HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


@pytest.fixture(scope="session", autouse=True)
def _remove_airflow_home():
    yield
    shutil.rmtree(HOME, ignore_errors=True)
