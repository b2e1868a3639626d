"""Incident hypertension within five years of a landmark a year after entry into the NAFLD cohort."""

from pipelines.projects._nafld import Outcomes, declared

PIPELINE = declared(
    Outcomes(
        "nafld_hypertension",
        "Incident hypertension in the NAFLD cohort",
        "DIAGNOSIS//htn",
    ),
    __doc__,
)
