"""The beginning of a workspace: look at sources, guess their rules, write settings and stages, tell how it stands."""
