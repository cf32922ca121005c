"""What to do after a journey: one sentence, the same on the terminal and in the HTML report. Pure.

Commands stand between backticks.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from mediakit.outcome import Outcome, Result, State
from mediakit.report.text import many
from mediakit.stages.act.writing import NOT_SYNCED, STILL_IDENTIFIES
from mediakit.stages.look.closed import LOCKED, LOCKED_DIRECTORY, SEALED, UNTRUSTED

if TYPE_CHECKING:  # what is shown is made by the journey
    from mediakit.rules.validation import Validation
    from mediakit.transfer.imported import Imported

#: States of an instance that is at the destination.
ARRIVED: Final = frozenset({State.STORED, State.STORED_WITH_WARNING, State.COMMITTED, State.ALREADY_THERE})
_ANOTHER_COPY: Final = (
    "Keep the medium. Ask the sender for another copy, and import it too: it fills the gaps."
)
_NO_IMAGE: Final = "There is no DICOM image on it that can be read. Ask the sender for another copy."
_AGAIN: Final = "See what stands in the way, and then import it again."
_ENCRYPTED: Final = frozenset({LOCKED, LOCKED_DIRECTORY, SEALED})
_OPEN_IT: Final = "It is encrypted. Give the key or the passphrase that opens it: `--key` or `{option}`."
_TRUST_IT: Final = (
    "It is not signed by anybody whom you trust. Ask the sender who signed it; `--trust` names authorities."
)
_AFTER_LOCKED: Final = f"Nothing was written. {_OPEN_IT.format(option='--source-passphrase-file')}"
_AFTER_UNREAD: Final = (
    "Nothing was written. Get another copy of what cannot be read, or leave it out with `--on-reject skip`."
)
_AFTER_EMPTY: Final = "Nothing was written: there is no DICOM file. Name a source that has some."
_AFTER_PICTURES: Final = (
    "Nothing was written: there is no DICOM file. `--wrap` makes instances of JPEG, PNG, TIFF and PDF files."
)
_AFTER_SEARCH: Final = (
    "Nothing was written. See where identifying text was found, remove or replace it (`--deidentify-table`) "
    "or leave the file out, and burn again."
)
_AFTER_UNSYNCED: Final = (
    "What was written stands under its name. Run `sync`, and check it with `mediakit validate` before you "
    "use it."
)
_AFTER_BURN: Final = {
    Outcome.USAGE: "Nothing was written. See why, change that, and run the same command again.",
    Outcome.IDENTITY: "Nothing was written. Choose as `mediakit inspect` shows, or say `--all-patients`.",
    Outcome.DOES_NOT_FIT: "Nothing was written. See what does not fit, change that, and run it again.",
    Outcome.SOURCE: "Nothing was written. See what cannot be read, and name a source that can.",
    Outcome.INTEGRITY: "Do not use what was written. Check the disk, and run the same command again.",
}
#: How a journey that writes a medium ended, where that of an import would be said in other words.
_WRITING: Final = {
    Outcome.USAGE: "nothing was written",
    Outcome.INTEGRITY: "the medium is not proven good",
}


def _is_locked(result: Result) -> bool:
    """Return True when something was not read because it is encrypted."""
    return any(fate.because is not None and fate.because.rule in _ENCRYPTED for fate in result.fates)


def _is_untrusted(result: Result) -> bool:
    """Return True when something was not taken because of who signed it."""
    return any(fate.because is not None and fate.because.rule is UNTRUSTED for fate in result.fates)


def _is_identifying(result: Result) -> bool:
    """Return True when the search of a de-identified medium ended the burn."""
    return STILL_IDENTIFIES.id in result.report.by_rule()


def _is_unread_in_part(result: Result) -> bool:
    """Return True when nothing was written because some files, and not all, cannot be read."""
    is_source = result.outcome is Outcome.SOURCE
    return is_source and any(fate.state is State.WITHHELD for fate in result.fates)


def is_unsynced(result: Result) -> bool:
    """Return True when all was written, and the last sync failed."""
    return NOT_SYNCED.id in result.report.by_rule()


def outcome_line(result: Result) -> str:
    """Return how a burn ended, for a person."""
    if _is_identifying(result):
        return f"outcome: identifying text found, nothing written (exit code {int(result.outcome)})"
    if is_unsynced(result):
        return f"outcome: written, but not safe from a loss of power (exit code {int(result.outcome)})"
    if _is_unread_in_part(result):
        return f"outcome: not every file can be read (exit code {int(result.outcome)})"
    if result.outcome in _WRITING:
        return f"outcome: {_WRITING[result.outcome]} (exit code {int(result.outcome)})"
    return result.outcome.line


def step_line(step: str) -> str:
    """Return the sentence as the last line but one of a command."""
    return f"what to do: {step[:1].lower()}{step[1:]}"


def step_after(result: Result, *, is_rehearsal: bool) -> str:
    """Return what to do after a journey that writes a medium."""
    if _is_identifying(result):
        return _AFTER_SEARCH
    if is_unsynced(result):
        return _AFTER_UNSYNCED
    after = _after_update if result.journey == "update" else after_burn
    return after(result, is_rehearsal=is_rehearsal)


def _after_update(result: Result, *, is_rehearsal: bool) -> str:
    if result.outcome is Outcome.IDENTITY:
        return "The medium is as it was. Add what is of its patients, or say `--all-patients`."
    if result.outcome in {Outcome.USAGE, Outcome.DOES_NOT_FIT, Outcome.SOURCE}:
        return "The medium is as it was. See what stands in the way, change that, and run it again."
    if result.outcome is Outcome.INTEGRITY:
        return "Check the medium with `mediakit validate`, and run the same command again."
    if "dicomdir_bytes" not in result.figures:
        return "Nothing: the medium is as it was asked to be."
    if is_rehearsal:
        option = "--simulate" if result.figures.get("proof") else "--dry-run"
        return f"If this is what you want, run the same command without `{option}`."
    return "Check the medium with `mediakit validate` before you give it away."


def after_burn(result: Result, *, is_rehearsal: bool) -> str:
    """Return what to do after a burn or a repair."""
    states = {fate.state for fate in result.fates}
    if result.outcome is Outcome.INTEGRITY and "copies" in result.figures:
        one, more = ("medium", "media") if "media" in result.figures else ("copy", "copies")
        good = many(int(result.figures["copies"]), f"{one} is good", f"{more} are good")
        return f"{good}. See above what became of the rest before you make more."
    if result.outcome in _AFTER_BURN:  # of a rehearsal too: it would be so
        return _after_nothing(result)
    if result.outcome is Outcome.PARTLY_STORED:
        return _after_part_came(states)
    if is_rehearsal:
        return "If this is what you want, run the same command without `--dry-run`."
    is_left_out = bool(states & {State.REFUSED, State.UNREADABLE})
    if is_left_out or result.outcome is not Outcome.GOOD:
        what = "Some files were left out: see which and why" if is_left_out else "Look through the findings"
        return f"{what} before you give the medium away."
    return _after_good_burn(result)


def _after_nothing(result: Result) -> str:
    if result.outcome is Outcome.SOURCE and _is_locked(result):
        return _AFTER_LOCKED
    if _is_unread_in_part(result):
        return _AFTER_UNREAD
    if result.outcome is Outcome.SOURCE and not any(fate.state is State.UNREADABLE for fate in result.fates):
        from mediakit.stages.judge.wrapping import CAN_BE_WRAPPED  # noqa: PLC0415 - few journeys find nothing

        return _AFTER_PICTURES if CAN_BE_WRAPPED.id in result.report.by_rule() else _AFTER_EMPTY
    return _AFTER_BURN[result.outcome]


def _after_part_came(states: set[State]) -> str:
    if State.WITHHELD in states:
        return "Nothing was written. See what the archive did not send, and run it again."
    return "The archive did not send everything: see what is missing before you give the medium away."


def _after_good_burn(result: Result) -> str:
    if any(fate.state is State.PLANNED for fate in result.fates):
        return "If this is what you want, run the same command without `--simulate`."
    if "copies" in result.figures:
        return "They are good: label them." if "media" in result.figures else "It is good: label it."
    what = "the content of the folder" if result.figures.get("format") == "folder" else "the image"
    where = "the medium"
    if result.figures.get("format") == "mime":
        return "Open the message with a mail program, encrypt it (S/MIME), and send it."
    if "media" in result.figures:
        what, where = "each of them", "a medium of its own"
    return f"Write {what} to {where}, and check it there with `mediakit validate`."


def after_validation(validation: Validation) -> str:
    """Return what to do with a medium that was judged."""
    missing = int(validation.result.figures.get("missing", 0))
    broken = Counter(fate.state for fate in validation.result.fates)[State.UNREADABLE]
    if validation.result.outcome is Outcome.SOURCE and _is_untrusted(validation.result):
        return _TRUST_IT
    if validation.result.outcome is Outcome.SOURCE and validation.contents.security:
        return _OPEN_IT.format(option="--passphrase-file")
    if validation.result.outcome is Outcome.SOURCE:
        return _NO_IMAGE
    if missing or broken:
        lost = [many(missing, "image is missing", "images are missing")] if missing else []
        lost += [many(broken, "file cannot be read", "files cannot be read")] if broken else []
        return f"{' and '.join(lost)}. Import what is there, and ask the sender for another copy."
    if all(verdict.holds for verdict in validation.verdicts):
        return "It can be imported."
    return "All images can be read. If your system refuses them, `mediakit repair` writes a sound copy."


def _after_unread(result: Result) -> str:
    if _is_untrusted(result):
        return _TRUST_IT
    return _OPEN_IT.format(option="--passphrase-file") if _is_locked(result) else _ANOTHER_COPY


def after_import(imported: Imported) -> str:
    """Return what to do with the medium after an import."""
    from mediakit.report.import_places import ended  # noqa: PLC0415 - other journeys send nothing

    states = {each.state for each in ended(imported)} - {State.EXCLUDED}
    outcome = imported.result.outcome
    if outcome is Outcome.IDENTITY and not states & ARRIVED:
        return "Find out whose images these are, and import them for that patient."
    if State.UNCONFIRMED in states:
        return "Keep the medium until somebody has looked for these images at the destination."
    if states & {State.UNREADABLE, State.MISSING}:
        return _after_unread(imported.result) if State.UNREADABLE in states else _ANOTHER_COPY
    if imported.is_rehearsal and states:
        return "If this is what you want, run the same command without `--dry-run`."
    if outcome is Outcome.GOOD:
        return "Nothing. The medium can be given back."
    is_there = not states - ARRIVED and outcome is not Outcome.INTERRUPTED
    rest = "Look through the findings." if is_there else _AGAIN
    return f"Keep the medium. {rest}" if states or outcome is not Outcome.SOURCE else _NO_IMAGE
