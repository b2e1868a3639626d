"""The same learning and encoding as DuckDB, Polars and dask.dataframe are used to do it."""

import numpy as np

from tests.benchmarks.preprocess_data import CODED, FLOATS, THREADS, parts


def duckdb_sql(data, out):
    import duckdb

    base = duckdb.connect()
    base.execute(f"SET threads={THREADS}")
    base.execute("SET preserve_insertion_order=false")
    source = f"read_parquet('{data}/*/part-0.parquet')"
    log = "ln(1 + amount)"
    base.execute(
        f"CREATE TABLE fit AS SELECT avg({log}) m1, stddev_pop({log}) d1, avg(score) m2, "
        f"stddev_pop(score) d2, avg(distance) m3, stddev_pop(distance) d3 FROM {source}"
    )
    for name in CODED:
        base.execute(
            f"CREATE TABLE v_{name} AS SELECT {name}, (1 + row_number() OVER "
            f"(ORDER BY n DESC, {name}))::INT AS code FROM "
            f"(SELECT {name}, count(*) n FROM {source} WHERE {name} IS NOT NULL GROUP BY 1)"
        )
    codes = ", ".join(f"coalesce(v_{n}.code, 1) AS {n}" for n in CODED)
    joins = " ".join(f"LEFT JOIN v_{n} ON s.{n} = v_{n}.{n}" for n in CODED)
    base.execute(
        f"COPY (SELECT (({log} - m1) / d1)::FLOAT amount_log, "
        f"((coalesce(score, m2) - m2) / d2)::FLOAT score, ((distance - m3) / d3)::FLOAT distance, "
        f"{codes}, (2 + ((customer * 2654435761) & 4294967295) // 32768)::INT customer_hash, "
        f"(2 + hour)::INT hour_bucket, (2 + weekday)::INT weekday_bucket, label::FLOAT AS label, "
        f"event FROM {source} s {joins}, fit) TO '{out}' "
        f"(FORMAT parquet, COMPRESSION snappy, PER_THREAD_OUTPUT)"
    )


def polars_streaming(data, out):
    import polars as pl

    frame = pl.scan_parquet(f"{data}/*/part-0.parquet", hive_partitioning=False)
    log = (pl.col("amount") + 1).log()
    numbers = {"amount_log": log, "score": pl.col("score"), "distance": pl.col("distance")}
    stats = [e.mean().alias(f"{n}_m") for n, e in numbers.items()]
    stats += [e.std(ddof=0).alias(f"{n}_d") for n, e in numbers.items()]
    counted = [frame.group_by(n).len().drop_nulls() for n in CODED]
    fit, *found = pl.collect_all([frame.select(stats), *counted], engine="streaming")
    columns = [
        ((e.fill_null(fit[f"{n}_m"][0]) - fit[f"{n}_m"][0]) / fit[f"{n}_d"][0])
        .cast(pl.Float32)
        .alias(n)
        for n, e in numbers.items()
    ]
    for name, counts in zip(CODED, found, strict=True):
        kept = counts.sort(["len", name], descending=[True, False])[name]
        ids = pl.Series(range(2, len(kept) + 2), dtype=pl.Int32)
        columns.append(pl.col(name).replace_strict(kept, ids, default=1).alias(name))
    columns += [
        (2 + ((pl.col("customer") * 2654435761) % 4294967296) // 32768)
        .cast(pl.Int32)
        .alias("customer_hash"),
        (2 + pl.col("hour")).cast(pl.Int32).alias("hour_bucket"),
        (2 + pl.col("weekday")).cast(pl.Int32).alias("weekday_bucket"),
        pl.col("label").cast(pl.Float32),
        pl.col("event"),
    ]
    frame.select(columns).sink_parquet(
        out / "part.parquet", compression="snappy", engine="streaming"
    )


def dask_dataframe(data, out):
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=THREADS, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster),
    ):
        frame = dd.read_parquet([str(p) for p in parts(data)])
        frame["amount_log"] = np.log1p(frame["amount"])
        numbers = frame[list(FLOATS)]
        counts = [frame[n].value_counts() for n in CODED]
        import dask

        mean, deviation, *found = dask.compute(numbers.mean(), numbers.std(ddof=0), *counts)
        made = {
            n: ((frame[n].fillna(mean[n]) - mean[n]) / deviation[n]).astype("float32")
            for n in FLOATS
        }
        for name, counted in zip(CODED, found, strict=True):
            kept = counted.reset_index().sort_values(["count", name], ascending=[False, True])
            code = dict(zip(kept[name], range(2, len(kept) + 2), strict=True))
            made[name] = frame[name].map(code, meta=(name, "float64")).fillna(1).astype("int32")
        hashed = ((frame["customer"] * 2654435761) % 4294967296) // 32768
        made["customer_hash"] = (2 + hashed).astype("int32")
        for name in ("hour", "weekday"):
            made[f"{name}_bucket"] = (2 + frame[name]).astype("int32")
        made["label"] = frame["label"].astype("float32")
        frame = frame[["event"]].assign(**made)
        frame.to_parquet(str(out), compression="snappy")
