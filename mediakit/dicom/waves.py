"""The multiplex groups of a waveform in the units of their channels (PS3.3 C.10.9), and streams of video."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mediakit.dicom.attributes import Attributes
from mediakit.dicom.elements import PIXEL_DATA
from mediakit.dicom.frames import Undecodable, answers
from mediakit.dicom.part10 import DicomFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_SAMPLES = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """One multiplex group: `values` has a row for each sample and a column for each channel.

    `frequency` is in Hz; `units` are codes of UCUM, "" where a channel says none.
    """

    values: NDArray[Any] = field(repr=False)
    frequency: float
    names: tuple[str, ...]
    units: tuple[str, ...]


def waves(attributes: Attributes) -> Iterator[Wave]:
    """Yield the groups of a waveform instance. Raises Undecodable."""
    for index, group in enumerate(attributes.items("WaveformSequence")):
        count, channels = (
            group.whole("NumberOfWaveformSamples") or 0,
            group.items("ChannelDefinitionSequence"),
        )
        frequency = group.number("SamplingFrequency") or 0.0
        if count < 1 or not channels or count * len(channels) > _MOST_SAMPLES or not 0 < frequency < math.inf:
            raise Undecodable("its waveform has no samples, no frequency, or too many samples")
        with answers("its waveform cannot be read"):
            values = attributes.data_set.waveform_array(index)
        yield Wave(
            values=values,
            frequency=frequency,
            names=tuple(_name(channel, number) for number, channel in enumerate(channels, 1)),
            units=tuple(
                channel.item("ChannelSensitivityUnitsSequence").text("CodeValue") for channel in channels
            ),
        )


def _name(channel: Attributes, number: int) -> str:
    source = channel.item("ChannelSourceSequence")
    return source.text("CodeMeaning") or channel.text("ChannelLabel") or str(number)


def video_stream(file: DicomFile) -> bytes:
    """Return the stream that a video's fragments hold. Raises Undecodable."""
    from pydicom.encaps import generate_fragments  # noqa: PLC0415 - pydicom costs start-up time

    pixels = file.first(PIXEL_DATA)
    if pixels is None or not pixels.is_encapsulated:
        raise Undecodable("its video is not in fragments")
    with answers("its fragments cannot be put together"):
        fragments = list(generate_fragments(bytes(pixels.value)))
    return b"".join(fragments[1:])  # the first is the offset table
