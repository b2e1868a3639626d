"""What runs stages: chain, searches, local Airflow.

The scaffold of projects and pipelines is here too.
"""
