"""Shared parts of the pages: their style sheet, and plots as inline SVG."""
