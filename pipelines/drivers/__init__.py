"""What runs stages one after another: the chain, searches, a local Airflow, the scaffold."""
