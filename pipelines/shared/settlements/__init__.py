"""Published settlements: what scores were expected to be worth, and what they were.

Why: the command line, the API, pages and other stages read the same ledger.
Not here: making a settlement (``pipelines/stages/settle/``).
"""
