"""Golden rows without values that name somebody."""

import numpy as np
import pyarrow as pa

from pipelines.operators.values import NULL_WHOLE, Words
from pipelines.spec import load
from pipelines.stages.train.masked_rows import masked_inputs, masked_rows, taken
from tests.pipelines.api.planted import planted


def test_columns_that_name_somebody_are_masked_and_those_of_a_vocabulary_are_not():
    # weight is sensitive, code a text behind a Hash, ward a text that is declared not to be sensitive
    assert masked_inputs(planted()) == {"code", "patient_weight"}
    assert masked_inputs(load("fraud_detection")) == frozenset()


def test_a_masked_row_has_unknown_words_and_integers_and_the_mean_of_numbers():
    rows = {
        "text": Words(pa.array(["Ann", "Ben"]), np.array([1, 0, -1])),
        "whole": np.array([7, 8, NULL_WHOLE]),
        "number": np.array([1.0, 3.0, np.nan]),
        "age": np.array([1.0, 2.0, 3.0]),
    }
    masked = masked_rows(rows, frozenset({"text", "whole", "number"}))
    assert (masked["text"].code == -1).all()
    assert len(masked["text"].words) == 0
    assert (masked["whole"] == NULL_WHOLE).all()
    assert (masked["number"] == 2.0).all()
    assert masked["age"] is rows["age"]
    assert taken(rows["text"], np.array([1])).code.tolist() == [0]
    assert taken(rows["age"], np.array([2, 0])).tolist() == [3.0, 1.0]
