"""Find the faces of a batch of pictures with MTCNN on OpenVINO, and cut them out."""
