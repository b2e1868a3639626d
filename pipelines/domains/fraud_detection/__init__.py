"""Card-fraud detection on the table of the Fraud Detection Handbook."""
