"""The command line: the same work as the DAGs, and what scripts and tests call.

Why: whatever Airflow runs must run by hand with the same digests.
Promise: exit codes are 0 done, 2 usage or configuration, 3 permanent, 4 transient.
"""
