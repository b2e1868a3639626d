"""One network of each kind and option, as small as its tests allow."""

from pipelines.spec import Builder, DeepCross, Model, Recurrent, Transformer

MODELS = {
    "dense": Model(hidden=(8,)),
    "members": Model(hidden=(8,), members=3),
    "deep_cross": DeepCross(hidden=(8,)),
    "low_rank": DeepCross(hidden=(8,), cross_rank=2),
    "recurrent": Recurrent(units=4, hidden=(8,)),
    "transformer": Transformer(width=8, hidden=(8,)),
    "builder": Builder("tests.pipelines.stages.train.own_network.build", (("units", 4),)),
}
