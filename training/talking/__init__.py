"""Videos of people who talk -> sound and the motion of the head model."""
