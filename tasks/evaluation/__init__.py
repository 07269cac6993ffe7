"""Evaluation: metrics, intervals, threshold, calibration and the trivial-feature baseline, on rows of scores."""
