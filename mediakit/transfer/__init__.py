"""Bringing instances to a destination, as values: states, contexts to propose, identity. Pure."""
