"""Landmarks: rows that are derived from the validated rows of another table, in place of a source.

Not here: their declaration (``pipelines/spec/sources.py``).
"""
