"""Orchestration only: one module per DVC stage; what a stage does is in `tasks`."""
