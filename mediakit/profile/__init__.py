"""Media storage application profiles: the model, its TOML form, and the judge."""
