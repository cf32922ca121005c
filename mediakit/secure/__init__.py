"""Secure DICOM Files: CMS around a DICOM file (PS3.10 7.4, PS3.15 D.1, RFC 5652). The door to cryptography.

Streams in, streams out; files are opened in `certificates` alone, for certificates, keys and passphrases.
"""
