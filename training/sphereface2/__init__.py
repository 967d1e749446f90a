"""Who is this: face embeddings trained by any loss of the SphereFace family (training/margins)."""
