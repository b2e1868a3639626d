"""Searches for better settings: the trials, by hand or as Airflow's mapped tasks.

Not here: what a search published in the end (``pipelines/stages/tune/``).
"""
