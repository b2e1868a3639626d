"""Death within five years of a landmark a year after entry into the NAFLD cohort."""

from pipelines.projects._nafld import Outcomes, declared

PIPELINE = declared(
    Outcomes("nafld_death", "Death in the NAFLD cohort", "MEDS_DEATH", epochs=25), __doc__
)
