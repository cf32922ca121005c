"""Whole journeys from source to result. They tell events and return values; they never print."""
