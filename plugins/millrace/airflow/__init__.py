"""Airflow's side of Millrace: operators, retry policy, days of a run, pages.

Why: the stages know nothing of Airflow, and DAG files hold wiring only.
Promise: importing any module here imports no TensorFlow, Dask, Great Expectations or pandas.
Not here: the work of a stage (``pipelines/``), the schedules (``dags/``).
"""
