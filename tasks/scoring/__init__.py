"""Scoring: the classifier on OpenVINO, the model's card, and shards of an archive's scores."""
