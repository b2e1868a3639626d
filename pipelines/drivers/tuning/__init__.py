"""Hyperparameter search: its trials, from the command line or as Airflow's mapped tasks.

Not here: what a search publishes (``pipelines/stages/tune/``).
"""
