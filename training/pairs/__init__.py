"""Made-up people whose face and voice come of one code by a known, noisy link."""
