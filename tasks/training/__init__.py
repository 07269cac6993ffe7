"""Training: recipes, networks, augmentation, batches, fitting, and the model artefact. Plain Keras 3."""
