"""A 12-lead electrocardiogram with P, QRS and T in every lead."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import TwelveLeadECGWaveformStorage

from samples.makers.drawing import Image, noise, to_integers
from samples.makers.identity import RHYTHM, Series
from samples.makers.writing import Sample, code, item, items, start

RATE_HZ = 250
SECONDS = 10
MICROVOLT_PER_STEP = 5
RESTING = Series(study=RHYTHM, number=1, modality="ECG", description="安静時心電図", model="Phantom ECG")

# Lead: MDC code (CID 3001), then microvolts of P, Q, R, S, T. III, aVR, aVL and aVF follow from I and II.
_MEASURED = {
    "I": ("2:1", 90, -60, 900, -110, 190),
    "II": ("2:2", 150, -80, 1050, -170, 290),
    "V1": ("2:3", 60, 0, 240, -900, -90),
    "V2": ("2:4", 80, 0, 480, -1350, 320),
    "V3": ("2:5", 85, -20, 880, -900, 400),
    "V4": ("2:6", 90, -60, 1450, -480, 380),
    "V5": ("2:7", 90, -80, 1350, -230, 310),
    "V6": ("2:8", 85, -80, 1050, -120, 240),
}
_DERIVED = {
    "III": ("2:61", -1.0, 1.0),
    "aVR": ("2:62", -0.5, -0.5),
    "aVL": ("2:63", 1.0, -0.5),
    "aVF": ("2:64", -0.5, 1.0),
}
_ORDER = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
_WAVES = (
    (-0.165, 0.055),
    (-0.028, 0.014),
    (0.0, 0.024),
    (0.030, 0.018),
    (0.270, 0.110),
)  # centre, half width
_INTERVALS_MS = (832, 840, 820, 808, 836, 852, 844, 816, 828, 840, 836, 824, 832)


def _beat(time: Image, amplitudes: tuple[float, ...]) -> Image:
    signal: Image = np.zeros_like(time)
    for (centre, half), microvolt in zip(_WAVES, amplitudes, strict=True):
        near = np.clip(1 - ((time - centre) / half) * ((time - centre) / half), 0, 1)
        signal = signal + microvolt * near * near
    return signal


def leads() -> dict[str, npt.NDArray[np.int64]]:
    """Return the samples of each lead in steps of 5 microvolts."""
    time = np.arange(RATE_HZ * SECONDS).astype(np.float64) / RATE_HZ
    onsets = [0.45]
    for interval in _INTERVALS_MS:
        onsets.append(onsets[-1] + interval / 1000)
    traces: dict[str, Image] = {}
    for seed, (lead, (_, *waves)) in enumerate(_MEASURED.items()):
        signal: Image = noise(1, len(time), 500 + seed)[0] * 14
        for onset in onsets:
            signal = signal + _beat(time - onset, tuple(float(wave) for wave in waves))
        traces[lead] = signal
    for lead, (_, first, second) in _DERIVED.items():
        traces[lead] = first * traces["I"] + second * traces["II"]
    return {lead: to_integers(traces[lead] / MICROVOLT_PER_STEP, -32768, 32767) for lead in _ORDER}


def _channel(number: int, lead: str) -> Dataset:
    value = _MEASURED[lead][0] if lead in _MEASURED else _DERIVED[lead][0]
    return item(
        WaveformChannelNumber=number,
        ChannelSourceSequence=code(value, "MDC", f"Lead {lead}"),
        ChannelSensitivity=str(MICROVOLT_PER_STEP),
        ChannelSensitivityUnitsSequence=code("uV", "UCUM", "microvolt"),
        ChannelSensitivityCorrectionFactor="1",
        ChannelBaseline="0",
        ChannelSampleSkew="0",
        WaveformBitsStored=16,
        FilterLowFrequency="0.05",
        FilterHighFrequency="100",
    )


def samples() -> list[Sample]:
    """Return the electrocardiogram."""
    dataset = start(RESTING, TwelveLeadECGWaveformStorage, 1)
    dataset.ContentDate, dataset.ContentTime = RHYTHM.date, RHYTHM.time
    dataset.AcquisitionDateTime = RHYTHM.date + RHYTHM.time
    dataset.AcquisitionContextSequence = items()
    channels = leads()
    group = item(
        WaveformOriginality="ORIGINAL",
        NumberOfWaveformChannels=len(channels),
        NumberOfWaveformSamples=RATE_HZ * SECONDS,
        SamplingFrequency=str(RATE_HZ),
        MultiplexGroupLabel="RHYTHM",
        ChannelDefinitionSequence=items(*[_channel(i, lead) for i, lead in enumerate(channels, 1)]),
        WaveformBitsAllocated=16,
        WaveformSampleInterpretation="SS",
    )
    content = np.stack(list(channels.values()), axis=-1).astype("<i2").tobytes()
    group.add_new("WaveformData", "OW", content)
    dataset.WaveformSequence = items(group)
    return [Sample(path=f"{RHYTHM.patient.folder}/{RHYTHM.folder}/ekg_12.dcm", dataset=dataset)]
