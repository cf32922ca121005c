"""Pixel data in compressed transfer syntaxes, by the encoders of other projects (the `codecs` extra)."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import gdcm
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import compress as pydicom_compress
from pydicom.uid import ExplicitVRLittleEndian

from samples.makers.writing import Sample


def compress(dataset: Dataset, syntax: str) -> None:
    """Compress the pixel data in place, losslessly (RLE, JPEG 2000), keeping the SOP Instance UID."""
    frames = Dataset()
    frames.update(dataset)
    frames.file_meta = FileMetaDataset()  # pydicom looks there for the syntax that it starts from
    frames.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    pydicom_compress(frames, syntax, generate_instance_uid=False)
    dataset["PixelData"] = frames["PixelData"]


def compress_sv1(sample: Sample) -> None:
    """Compress the pixel data in place as JPEG Lossless, Process 14, Selection Value 1, with GDCM."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        plain = Sample(path="plain.dcm", dataset=sample.dataset)
        plain.write(root)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(root / "plain.dcm"))
        if not reader.Read():
            raise RuntimeError("GDCM cannot read the uncompressed sample")
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise RuntimeError("GDCM cannot encode JPEG Lossless")
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(root / "sv1.dcm"))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        if not writer.Write():
            raise RuntimeError("GDCM cannot write the compressed sample")
        sample.dataset["PixelData"] = dcmread(root / "sv1.dcm")["PixelData"]


def compress_jpeg(dataset: Dataset, frames: npt.NDArray[np.uint8]) -> None:
    """Put RGB frames into a data set as JPEG Baseline with 4:2:2 chrominance, and say that it is lossy."""
    encoded = []
    for frame in frames:
        buffer = io.BytesIO()
        PillowImage.fromarray(frame, "RGB").save(buffer, "JPEG", quality=85, subsampling="4:2:2")
        encoded.append(buffer.getvalue())
    dataset.add_new("PixelData", "OB", encapsulate(encoded))
    dataset["PixelData"].is_undefined_length = True
    dataset.PhotometricInterpretation = "YBR_FULL_422"
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = str(round(frames.size / sum(map(len, encoded))))
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
