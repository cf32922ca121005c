"""What a medium can carry besides its file-set, for people."""
