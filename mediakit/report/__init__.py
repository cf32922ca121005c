"""Results as text and JSON. Pure: Result in, str out."""
