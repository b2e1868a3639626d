"""One stage in one process of its own: the parent's side, the child's side, a fork server.

Why: a stage needs a ``__main__`` that is not Airflow's (Dask spawns workers from it), memory
    that is given back, and an end that a signal can bring about.
Promise: the same ``python -m pipelines stage ...`` runs under Airflow, by hand and in a test;
    no child outlives the process that started it.
Not here: what a stage does (``pipelines/protocol/``), Airflow's operator (``plugins/millrace/airflow/``).

Linux only: pidfd and ``prctl`` are what makes the promise hold under ``kill -9``.
"""
