"""The file-set: File IDs, directory records, the DICOMDIR codec and the plan. Pure: no path, no clock."""
