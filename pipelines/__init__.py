"""Millrace's library: stages that turn daily data into evaluated models.

Why: the work must run the same under Airflow, by hand and in a test.
Promise: nothing here imports Airflow, and importing this package imports nothing heavy.
Not here: scheduling (``dags/``) and the Airflow adapters (``plugins/millrace/airflow/``).
"""
