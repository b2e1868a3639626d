"""The stages: a folder each, named as the stage is, with its record and the module that does its work.

Promise: no stage imports another one; they meet through published artifacts.
Not here: how a stage's work is planned, done once and published (``pipelines/protocol/``).
"""
