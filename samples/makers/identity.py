"""Who and when: invented patients and their studies, and UIDs derived from names.

Nothing here knows pixels or files. Dates are fixed and UIDs come from names: every run gives the same.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

INSTITUTION = "mediakit samples"
ADDRESS = "1 Phantom Road, Testville"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://example.org/mediakit/samples")


def uid(*names: str | int) -> str:
    """Return the UID that belongs to these names: the UUID-derived form under 2.25 (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, names))).int}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """An invented person. `charset` is the value of Specific Character Set (0008,0005)."""

    name: str
    patient_id: str
    birth_date: str
    sex: str
    age: str
    size_m: str
    weight_kg: str
    charset: str | tuple[str, ...]
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One visit. `date` is DA and `time` is TM; `folder` is the folder of the study below the patient's."""

    patient: Patient
    study_id: str
    date: str
    time: str
    description: str
    accession: str
    folder: str

    @property
    def uid(self) -> str:
        """Return Study Instance UID."""
        return uid(self.patient.patient_id, self.study_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series of a study, with the equipment that made it."""

    study: Study
    number: int
    modality: str
    description: str
    model: str = "Phantom One"

    @property
    def uid(self) -> str:
        """Return Series Instance UID."""
        return uid(self.study.uid, "series", self.number)

    @property
    def frame_of_reference(self) -> str:
        """Return the Frame of Reference UID: one for the whole study, the patient did not move."""
        return uid(self.study.uid, "frame of reference")

    def instance(self, number: int) -> str:
        """Return the SOP Instance UID of the instance with this number."""
        return uid(self.uid, "instance", number)


# The family names mean "example" or "examination": nobody can take these people for patients.
BEISPIEL = Patient(
    name="Müller-Beispiel^Jörg",
    patient_id="MKS-0001",
    birth_date="19580412",
    sex="M",
    age="065Y",
    size_m="1.78",
    weight_kg="82",
    charset="ISO_IR 100",
    folder="mueller_joerg",
)
SHIKEN = Patient(
    name="Shiken^Hanako=試験^花子=しけん^はなこ",
    patient_id="MKS-0002",
    birth_date="19710903",
    sex="F",
    age="052Y",
    size_m="1.61",
    weight_kg="55",
    charset=("", "ISO 2022 IR 87"),
    folder="shiken_hanako",
)
PARADEIGMA = Patient(
    name="Παράδειγμα^Ελένη",
    patient_id="MKS-0003",
    birth_date="19890117",
    sex="F",
    age="035Y",
    size_m="1.69",
    weight_kg="63",
    charset="ISO_IR 192",
    folder="paradeigma_eleni",
)

BODY_CT = Study(
    patient=BEISPIEL,
    study_id="CT24-0312",
    date="20240312",
    time="091500",
    description="CT Körperstamm mit Kontrastmittel",
    accession="MKA1001",
    folder="20240312_CT",
)
ANGIOGRAPHY = Study(
    patient=BEISPIEL,
    study_id="XA24-0314",
    date="20240314",
    time="134000",
    description="Angiographie Übersicht",
    accession="MKA1002",
    folder="20240314_XA",
)
CHEST = Study(
    patient=BEISPIEL,
    study_id="CR24-0311",
    date="20240311",
    time="101000",
    description="Thorax p.a.",
    accession="MKA1003",
    folder="20240311_CR",
)
ECHO = Study(
    patient=SHIKEN,
    study_id="US24-0405",
    date="20240405",
    time="110000",
    description="心臓超音波検査",
    accession="MKA2001",
    folder="20240405_US",
)
RHYTHM = Study(
    patient=SHIKEN,
    study_id="EC24-0405",
    date="20240405",
    time="114500",
    description="12誘導心電図",
    accession="MKA2002",
    folder="20240405_ECG",
)
HEAD_MR = Study(
    patient=PARADEIGMA,
    study_id="MR24-0520",
    date="20240520",
    time="083000",
    description="Μαγνητική τομογραφία εγκεφάλου",
    accession="MKA3001",
    folder="20240520_MR",
)
DENTAL = Study(
    patient=PARADEIGMA,
    study_id="IO24-0522",
    date="20240522",
    time="160500",
    description="Ενδοστοματική ακτινογραφία",
    accession="MKA3002",
    folder="20240522_DENT",
)
