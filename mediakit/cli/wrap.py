"""The options of `burn --wrap`: whose the images and documents of another kind are, and in which study."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.errors import UsageError
from mediakit.findings import printable

if TYPE_CHECKING:  # loaded when the command runs: `--help` stays fast
    from mediakit.stages.judge.wrapping import NewSubject, Wrap

_GROUP = "Images and documents of another kind"
_DATE = re.compile(r"[0-9]{8}", re.ASCII)

WrapFiles = Annotated[
    bool,
    typer.Option(
        "--wrap", help="Make DICOM instances of JPEG, PNG, TIFF and PDF files.", rich_help_panel=_GROUP
    ),
]
WrapLike = Annotated[
    str,
    typer.Option(
        "--wrap-like",
        metavar="FILE|UID",
        help="They are of the patient and study of this instance, or of this study of the sources.",
        rich_help_panel=_GROUP,
    ),
]
WrapStudy = Annotated[
    str,
    typer.Option(
        "--wrap-study",
        metavar="UID|new",
        help="Into this study, or a new one.",
        rich_help_panel=_GROUP,
    ),
]
WrapPatientId = Annotated[
    str, typer.Option("--wrap-patient-id", help="Instead of --wrap-like: Patient ID.", rich_help_panel=_GROUP)
]
WrapPatientName = Annotated[
    str, typer.Option("--wrap-patient-name", help="Name, as Family^Given.", rich_help_panel=_GROUP)
]
WrapBirthDate = Annotated[
    str, typer.Option("--wrap-birth-date", help="Birth date, YYYYMMDD.", rich_help_panel=_GROUP)
]
WrapSex = Annotated[str, typer.Option("--wrap-sex", help="M, F or O.", rich_help_panel=_GROUP)]
WrapStudyDate = Annotated[
    str, typer.Option("--wrap-study-date", help="Study date, YYYYMMDD.", rich_help_panel=_GROUP)
]
WrapTitle = Annotated[
    bool,
    typer.Option(
        "--wrap-title",
        help="The name of the file becomes the title: mind what it says of the patient.",
        rich_help_panel=_GROUP,
    ),
]


def wrap_of(
    is_asked: bool,
    like_and_study: tuple[str, str],
    patient: tuple[str, str, str, str],
    study_date: str,
    *,
    is_titled: bool,
) -> Wrap | None:
    """Return what is asked for; `patient` is ID, name, birth date and sex. Raises UsageError."""
    like, study = like_and_study
    if not is_asked:
        if any((like, study, *patient, study_date, is_titled)):
            raise UsageError("the options `--wrap-...` go with `--wrap`")
        return None
    from mediakit.stages.judge.wrapping import Wrap

    return Wrap(study=study, like=like, subject=_subject(patient, study_date), is_titled=is_titled)


def _subject(patient: tuple[str, str, str, str], study_date: str) -> NewSubject | None:
    from mediakit.stages.judge.wrapping import NewSubject

    patient_id, name, birth_date, sex = (value.strip() for value in patient)
    if not any((*patient, study_date)):
        return None
    if not (patient_id and name):
        raise UsageError("`--wrap-patient-id` and `--wrap-patient-name` go together")
    for option, value in (("--wrap-birth-date", birth_date), ("--wrap-study-date", study_date)):
        if value and not _DATE.fullmatch(value):
            raise UsageError(f"`{printable(value)}` is not a date", where=option, hint="write YYYYMMDD")
    if sex.upper() not in {"", "M", "F", "O"}:
        raise UsageError(f"`{printable(sex)}` is not M, F or O", where="--wrap-sex")
    for option, value, most in (("--wrap-patient-id", patient_id, 64), ("--wrap-patient-name", name, 64)):
        if len(value) > most or not value.isprintable() or "\\" in value:
            why = f"up to {most} characters, no backslash and no control character"
            raise UsageError("this value cannot stand in an instance", where=option, why=why)
    return NewSubject(
        patient_id=patient_id,
        patient_name=name,
        birth_date=birth_date,
        sex=sex.upper(),
        study_date=study_date,
    )
