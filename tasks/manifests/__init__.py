"""Labels, groups and near-duplicates of faces, and the split into train, valid and test that keeps them apart."""
