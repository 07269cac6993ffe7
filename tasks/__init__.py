"""The work of the pipeline as plain typed functions, one folder per trade; nothing here imports Prefect."""
