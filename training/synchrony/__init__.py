"""The net that hears whether lips go with the sound, and what it is measured by."""
