"""Bytes to upright RGB pixels and back, and what a file and its pixels tell without a network."""
