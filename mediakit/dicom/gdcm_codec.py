"""Decode JPEG Lossless and 12 bit JPEG with GDCM: what the other codecs cannot.

GDCM ends the process when Bits Stored is neither Bits Allocated nor what it expects, so it is always told
that all allocated bits are stored, and the sign is extended here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mediakit.dicom.image import Frame, Shape


def decode(stream: bytes, syntax: str, shape: Shape) -> Frame:
    """Return one frame as an array; colour as DCMTK and GDCM give it, untouched. Raises ValueError."""
    import numpy as np  # noqa: PLC0415 - the extra `codecs`

    raw = _decoded(stream, syntax, shape)
    if len(raw) * 8 < shape.frame_bits:
        raise ValueError("the decoder gave too few pixels")
    array = np.frombuffer(raw, dtype=shape.dtype(), count=shape.rows * shape.columns * shape.samples)
    if shape.signed and shape.bits_stored < shape.bits_allocated:
        shift = shape.bits_allocated - shape.bits_stored
        array = (array << shift) >> shift
    if shape.samples == 1:
        return array.reshape(shape.rows, shape.columns)
    return array.reshape(shape.rows, shape.columns, shape.samples)


def _decoded(stream: bytes, syntax: str, shape: Shape) -> bytes:
    import gdcm  # noqa: PLC0415

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(stream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((shape.columns, shape.rows, 1))
    image.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType(shape.photometric)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    if shape.samples > 1:
        image.SetPlanarConfiguration(0)
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    bits = shape.bits_allocated
    image.SetPixelFormat(gdcm.PixelFormat(shape.samples, bits, bits, bits - 1, int(shape.signed)))
    # GDCM hands bytes out as text.
    return bytes(image.GetBuffer().encode("utf-8", "surrogateescape"))
