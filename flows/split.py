"""Stage `split`: train, valid and test manifests over the faces of all data sets."""
