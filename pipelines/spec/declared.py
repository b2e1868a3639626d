"""The declared classes' decorator, under the name it had before it moved to ``pipelines.declared``."""

from pipelines.declared import declared, mistakes_in, nearest

__all__ = ["declared", "mistakes_in", "nearest"]
