"""Users' own pipelines, each by its name.

Their code is in the folders that ``MILLRACE_PIPELINES`` names, as ``pipelines.projects.<name>``.

Why: a pipeline may be called ``json`` or ``train`` and must still be importable by one name in
    every process that is given a reference to its code: a stage, a fork, a Dask worker.
Promise: the modules' only source is the folders; a change of the variable is followed when a
    pipeline is next looked up.
Not here: which folders these are (``pipelines/spec/folders.py``), loading a declaration
    (``pipelines/spec/registry.py``).
"""

from pipelines.spec.folders import import_path

__path__ = import_path()
