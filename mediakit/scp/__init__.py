"""Associations by pynetdicom, with bounds: the embedded Storage SCP, and what asks and hears by DIMSE."""
