"""Prove: read back what was written, or ask the destination what it has."""
