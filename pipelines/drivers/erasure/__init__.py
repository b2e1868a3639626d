"""Erasing an entity from a store: what holds it, rewriting or removing that, and what is left.

Why: a person may ask for it, and "which files have this patient" must not be searched by hand.
Promise: every step is a published version or a removal, so that a kill leaves a store that ``verify``
    finds whole, and the same call again goes on where it stopped; the key is in no message or file.
Not here: leaving out the entity's rows when they are delivered again (``pipelines/stages/ingest/``).
"""
