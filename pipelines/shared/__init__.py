"""What several stages use: tables, Dask, expectations, the model registry, tracking, pages."""
