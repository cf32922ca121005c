"""The DICOM upper layer (PS3.8) and its messages (PS3.7), sans I/O."""
