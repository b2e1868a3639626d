"""Addresses and errors of SQL databases, for whoever reads one or writes to one.

Not here: queries (``pipelines/stages/ingest/``), writing scores (``pipelines/stages/score/``).
"""
