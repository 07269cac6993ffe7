"""Measurements that anyone can run: ratios, both sides timed in one run."""
