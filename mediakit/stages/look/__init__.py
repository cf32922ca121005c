"""Look: a medium or folder as one `Survey`, and what of it goes on."""
