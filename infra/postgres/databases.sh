#!/bin/bash
# Runs once, when PostgreSQL starts on an empty volume: one role and one database each for
# Airflow and MLflow, so that neither can read or migrate the other's tables.
set -euo pipefail

make() {
    # psql does not substitute variables in -c, only in what it reads.
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER}" --dbname=postgres \
        --set=name="$1" --set=password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
SQL
}

make airflow "${AIRFLOW_DATABASE_PASSWORD:?}"
make mlflow "${MLFLOW_DATABASE_PASSWORD:?}"
