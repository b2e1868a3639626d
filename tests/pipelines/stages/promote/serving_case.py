"""Load the champion as any other program would, score a table of features, print the scores."""

import json
import logging
import sys

import mlflow
import pandas as pd

from pipelines.api import open_store


def main():
    uri, features, store = sys.argv[1:]
    logging.disable(logging.WARNING)
    mlflow.set_tracking_uri(uri)
    champion = mlflow.pyfunc.load_model("models:/fraud_detection@champion")
    table = pd.read_parquet(features)
    flavour = mlflow.tensorflow.load_model("models:/fraud_detection@champion")
    predicted = champion.predict(table)
    result = {
        "scores": predicted["score"].tolist(),
        "probabilities": predicted["probability"].tolist(),
        "inputs": champion.metadata.signature.inputs.input_names(),
        "tensorflow": sorted(flavour.structured_outputs),
        "api": open_store(store).model("fraud_detection").score(table)["score"].to_pylist(),
        "as_of": champion.metadata.metadata["as_of"],
    }
    print(json.dumps(result))


main()
