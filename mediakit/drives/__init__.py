"""Drives with discs, sticks in a slot, and disc robots: what is in them, and how an image gets onto it."""
