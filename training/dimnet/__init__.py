"""DIMNet (Wen et al., ICLR 2019): voices and faces in one space, tied by what both betray."""
