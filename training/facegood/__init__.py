"""Speech captured as the weights of a face rig (FACEGOOD's Audio2Face), as motion of our head."""
