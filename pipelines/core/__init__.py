"""The foundation of the rest: errors, events, days, declarations, the store.

Promise: it imports the standard library alone, and fsspec inside functions.
"""
