"""The options of `burn --wrap`: whose the images and documents of another kind are, and in which study."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from mediakit.cli.helping import WRAPPED
from mediakit.errors import UsageError
from mediakit.findings import printable

if TYPE_CHECKING:  # loaded when the command runs: `--help` stays fast
    from mediakit.stages.judge.wrapping import NewSubject, Wrap

_DATE = re.compile(r"[0-9]{8}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Wrapping:
    """The options for images and documents of another kind."""

    heading: ClassVar[str] = WRAPPED

    wrap: Annotated[
        bool,
        typer.Option("--wrap", help="Make DICOM instances of JPEG, PNG, TIFF and PDF files."),
    ] = False
    wrap_like: Annotated[
        str,
        typer.Option(
            metavar="FILE|UID",
            help="Patient and study are those of this instance, or of this study of the sources.",
        ),
    ] = ""
    wrap_study: Annotated[
        str,
        typer.Option(metavar="UID|new", help="Into this study, or a new one."),
    ] = ""
    wrap_patient_id: Annotated[
        str, typer.Option(metavar="ID", help="Instead of --wrap-like: Patient ID.")
    ] = ""
    wrap_patient_name: Annotated[str, typer.Option(metavar="NAME", help="Name, as Family^Given.")] = ""
    wrap_birth_date: Annotated[str, typer.Option(metavar="DATE", help="Birth date, YYYYMMDD.")] = ""
    wrap_sex: Annotated[str, typer.Option(metavar="SEX", help="M, F or O.")] = ""
    wrap_study_date: Annotated[str, typer.Option(metavar="DATE", help="Study date, YYYYMMDD.")] = ""
    wrap_title: Annotated[
        bool,
        typer.Option(
            "--wrap-title", help="The name of the file becomes the title: mind what it says of the patient."
        ),
    ] = False

    def wanted(self) -> Wrap | None:
        """Return what is asked for, None when nothing is. Raises UsageError."""
        if not self.wrap:
            if self != Wrapping():
                raise UsageError("the options `--wrap-...` go with `--wrap`")
            return None
        from mediakit.stages.judge.wrapping import Wrap

        patient = (self.wrap_patient_id, self.wrap_patient_name, self.wrap_birth_date, self.wrap_sex)
        return Wrap(
            study=self.wrap_study,
            like=self.wrap_like,
            subject=_subject(patient, self.wrap_study_date),
            is_titled=self.wrap_title,
        )


def _subject(patient: tuple[str, str, str, str], study_date: str) -> NewSubject | None:
    """Return the patient of the options: ID, name, birth date, sex. Raises UsageError."""
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
