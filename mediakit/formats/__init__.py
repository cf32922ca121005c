"""Media formats: one file reads and writes one format, behind the protocols in `base`."""
