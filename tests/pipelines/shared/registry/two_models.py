"""A registry of two models with three versions each; of ``fraud``, versions 1 and 3 were champion."""

from pipelines.shared.registry.client import open_client
from pipelines.stages.promote.champion import Registry


def register_two_models(uri):
    client = open_client(uri)
    for name in ("fraud", "other"):
        client.create_registered_model(name)
        for number in range(1, 4):
            tags = {"as_of": f"2026-01-0{number}", "digest": f"{name}-{number}", "seed": "0"}
            client.create_model_version(name, f"file:///models/{name}/{number}", tags=tags)
    for number in (1, 3):
        Registry(uri, "fraud").promote(number)
