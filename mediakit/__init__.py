"""Write, validate and import DICOM interchange media.

The public face is lazy (PEP 562): importing the package loads nothing else.
"""

__version__ = "0.1.0"
