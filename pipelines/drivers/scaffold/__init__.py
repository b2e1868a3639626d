"""Starting a pipeline, and checking it before it runs."""
