"""Keep the store tidy: leftovers of killed stages, replaced versions, stale checkpoints.

One task a declared pipeline, each the same command as by hand:
``python -m pipelines housekeeping NAME --store URI``.
"""

from millrace.airflow.housekeeping import housekeeping_dag

housekeeping = housekeeping_dag(__doc__)
