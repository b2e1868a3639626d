"""The foundation of all other packages: errors, events, days, declared classes, memory, the store.

Promise: it imports the standard library alone, and fsspec inside functions.
"""
