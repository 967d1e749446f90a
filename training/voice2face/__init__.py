"""Voice2Face (Wen et al., NeurIPS 2019): the face that somebody with this voice might have."""
