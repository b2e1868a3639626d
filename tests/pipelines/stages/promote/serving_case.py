"""Load the champion as any other program would, score a table of features, print the scores."""

import json
import logging
import sys

import mlflow
import pandas as pd


def main():
    uri, features = sys.argv[1], sys.argv[2]
    logging.disable(logging.WARNING)
    mlflow.set_tracking_uri(uri)
    champion = mlflow.pyfunc.load_model("models:/fraud_detection@champion")
    table = pd.read_parquet(features)
    flavour = mlflow.tensorflow.load_model("models:/fraud_detection@champion")
    result = {
        "scores": champion.predict(table)["score"].tolist(),
        "inputs": champion.metadata.signature.inputs.input_names(),
        "tensorflow": sorted(flavour.structured_outputs),
        "as_of": champion.metadata.metadata["as_of"],
    }
    print(json.dumps(result))


main()
