"""Card fraud whose drift fails a day, and asks for a new model."""

from dataclasses import replace

from pipelines.domains.fraud_detection.declaration import PIPELINE as FRAUD
from pipelines.spec import Limit, Retraining, Watch

PIPELINE = replace(
    FRAUD,
    name="asking_fraud",
    watch=Watch(psi=Limit(warn=0.1, refuse=0.3), retraining=Retraining(on=("drift",))),
)
