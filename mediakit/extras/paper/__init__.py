"""Paper that goes with a medium: the label of a disc, and a cover sheet. Needs the extra `paper`."""
