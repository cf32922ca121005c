"""Plan: where it goes, and what is added to it."""
