"""Makes every model that the engine runs. torch lives here and only here."""
