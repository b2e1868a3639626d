"""Branches beside main: what differs, and moving main's pointers to what a branch has."""
