"""Why a face got its score: maps of the evidence, from the exported network alone."""
