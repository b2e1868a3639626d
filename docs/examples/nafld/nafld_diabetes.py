"""Incident diabetes within five years of a landmark a year after entry into the NAFLD cohort."""

from pipelines.projects._nafld import Outcomes, declared

PIPELINE = declared(
    Outcomes(
        "nafld_diabetes",
        "Incident diabetes in the NAFLD cohort",
        "DIAGNOSIS//diabetes",
    ),
    __doc__,
)
