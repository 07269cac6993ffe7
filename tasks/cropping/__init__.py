"""A data set's faces: shards cropped, resumed after a crash, and assembled into the folder that DVC versions."""
