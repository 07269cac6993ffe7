"""The yardstick: trainings without some of their sources."""
