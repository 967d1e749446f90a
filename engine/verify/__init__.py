"""Whose face it is: gallery, calibration, decision over time, covariates."""
