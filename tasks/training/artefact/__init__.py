"""The trained model as files: saved, exported, joined, packaged."""
