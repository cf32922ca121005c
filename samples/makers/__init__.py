"""One module per kind of study; `catalogue.samples()` gives them all."""
