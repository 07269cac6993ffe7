"""Scoring: the classifier on OpenVINO, shards of scores, their store and ledger, exports and comparisons."""
