"""The DICOM upper layer (PS3.8) and the messages of C-STORE and C-ECHO (PS3.7), sans I/O."""
