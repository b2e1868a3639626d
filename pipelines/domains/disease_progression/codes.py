"""The codes of the simulated records, by what they mean, and what a value of each may be.

Why: the simulator writes them, the declaration validates them and makes features of them.
Promise: imports nothing but the standard library.
"""

BIRTH, DEATH = "MEDS_BIRTH", "MEDS_DEATH"
SEX, MALE, FEMALE = "GENDER//", "GENDER//M", "GENDER//F"
FAMILY = "FAMILY_HISTORY//DIABETES"
VISIT, END = "VISIT//OUTPATIENT", "ENROLLMENT//END"
SMOKER, NON_SMOKER = "SMOKING//CURRENT", "SMOKING//NEVER"
DIABETES, HYPERTENSION = "ICD10CM//E11", "ICD10CM//I10"
HBA1C, GLUCOSE, HDL = "LAB//HBA1C", "LAB//GLUCOSE", "LAB//HDL"
PRESSURE, BODY_MASS = "VITAL//SBP", "VITAL//BMI"

MEANINGS = {
    BIRTH: "Birth",
    DEATH: "Death",
    MALE: "Male",
    FEMALE: "Female",
    FAMILY: "A parent or sibling has diabetes",
    VISIT: "Outpatient visit",
    END: "End of the time for which records are complete",
    SMOKER: "Smokes",
    NON_SMOKER: "Has never smoked",
    DIABETES: "Type 2 diabetes mellitus",
    HYPERTENSION: "Essential hypertension",
    HBA1C: "Glycated haemoglobin, %",
    GLUCOSE: "Fasting glucose, mg/dL",
    HDL: "HDL cholesterol, mg/dL",
    PRESSURE: "Systolic blood pressure, mmHg",
    BODY_MASS: "Body mass index, kg/m2",
}

BOUNDS = {
    HBA1C: (3.0, 20.0),
    GLUCOSE: (20.0, 1_000.0),
    HDL: (5.0, 200.0),
    PRESSURE: (50.0, 300.0),
    BODY_MASS: (10.0, 80.0),
}
"""Possible values of each test."""
