"""A whole Airflow on one machine: started, used over REST, stopped without a trace.

Why: a newcomer should see data become an evaluated model in Airflow's own UI by one command.
Promise: Airflow is only ever run as processes and spoken to over HTTP, never imported; all of
    it is in one folder and listens on 127.0.0.1.
Not here: Airflow for production (``infra/``), the DAGs (``dags/``).
"""
