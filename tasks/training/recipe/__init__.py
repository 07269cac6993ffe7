"""What a training does: recipes, their phases, the faces of each."""
