"""The images of a medium once more, for browsers (docs/viewer-format.md)."""
