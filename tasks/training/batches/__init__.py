"""Faces as batches: read, changed, blended."""
