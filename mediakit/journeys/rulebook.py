"""The catalogue of all rules: every `Rule` that some part of mediakit can raise, and where it is met.

The rules of a medium come from the checks. Those of the readers, the judge of profiles and the journeys stand
in modules of their own, which are named here with the commands in which they are met. A new module that holds
rules is a line in `_MODULES`; a test finds every rule that is not in the book.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Final

from mediakit.errors import UsageError
from mediakit.findings import Rule, printable
from mediakit.rules import completeness
from mediakit.rules.check import RuleSet
from mediakit.rules.consistency import check_files
from mediakit.rules.every import checks
from mediakit.rules.hygiene import check_only_archives
from mediakit.rules.instances import check_decoding, check_reading
from mediakit.rules.secure import check_locked, check_unopened

_READING: Final = ("burn", "inspect", "validate", "extract", "diff", "repair", "profiles fit")
_JUDGING: Final = ("burn", "validate", "repair", "profiles fit")
_WRITING: Final = ("burn", "repair")
_VALIDATING: Final = ("validate",)
_INSPECTING: Final = ("inspect", "validate")

# What is met where. A rule of a module is met in some of its commands, not in each of them.
_MODULES: Final[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = (
    (
        ("dicom.dataset", "dicom.elements", "dicom.fallback", "dicom.scanned", "dicom.opening"),
        _READING,
    ),
    (("dicom.bounded_read", "dicom.structure", "stages.look.closed"), _READING),
    (("stages.look.instances",), _WRITING),
    (("stages.look.selecting",), ("burn", "extract", "import")),
    (("dicom.conversion", "dicom.transcode"), _WRITING),
    (
        ("profile.file_rules", "profile.image_rules", "profile.item_rules", "profile.judge"),
        _JUDGING,
    ),
    (("profile.meta_rules", "profile.structure_rules"), _JUDGING),
    (("profile.sop_rules",), _JUDGING),
    (("fileset.decode", "fileset.decode_findings", "fileset.decode_items"), _INSPECTING),
    (("fileset.decode_records", "fileset.decode_tree"), _INSPECTING),
    (("fileset.instance_values",), _JUDGING),
    (("fileset.charset", "fileset.disagreement", "fileset.hierarchy", "fileset.plan"), _WRITING),
    (("fileset.supply", "journeys.burn_order", "stages.plan.icons"), _WRITING),
    (("stages.plan.spanning",), _WRITING),
    (("named_together",), ("burn", "inspect", "validate")),
    (("stages.plan.people",), ("burn",)),
    (("extras.paper.rules",), ("label", "burn")),
    (("dicom.wrap", "stages.judge.wrapping"), ("burn",)),
    (("stages.judge.prepare", "stages.prove.proof"), _WRITING),
    (("stages.act.pressing",), ("update",)),
    (("stages.act.writing",), (*_WRITING, "disc burn")),
    (("journeys.onto_robot",), ("burn", "disc burn")),
    (("journeys.diff",), ("diff",)),
    (("journeys.extract",), ("extract",)),
    (("journeys.fetch",), ("fetch", "burn")),
    (("journeys.salvage", "stages.act.comparing"), ("salvage",)),
    (("journeys.verify",), ("verify",)),
    (
        ("journeys.update_order", "stages.plan.staying", "stages.plan.remaking", "stages.plan.update_target"),
        ("update",),
    ),
    (("stages.act.update_journal", "stages.act.updating"), ("update",)),
    (("stages.judge.updatable", "stages.judge.additions", "stages.judge.resealing"), ("update",)),
    (("scp.served",), ("serve scp",)),
    (("stages.prove.sweeping",), ("burn",)),
    (("dicom.deidentify.files",), ("burn", "import")),
    (("stages.act.deidentified",), ("import",)),
    (("dicom.coerce", "transfer.coercion"), ("import",)),
    (("transfer.patient_identity",), ("burn", "import")),
    (("journeys.reconcile",), ("reconcile",)),
    (
        (
            "stages.look.as_it_is",
            "stages.look.inventory_rules",
            "stages.act.loading",
            "stages.act.carrying",
            "journeys.import_",
            "journeys.import_result",
            "stages.judge.identity_guard",
        ),
        ("import",),
    ),
    (("stages.prove.confirming",), ("import",)),
    (("stages.judge.claimed_rows",), ("migrate",)),
)

# The checks that `inspect` uses as well.
_INSPECTED: Final = (
    check_decoding,
    check_files,
    check_locked,
    check_only_archives,
    check_reading,
    check_unopened,
)

#: Ids of rules that are no more: an id is never used again.
RETIRED: Final = frozenset({"MK-PRO-065"})

#: The letters in the middle of an id, and what its rules are about.
GROUPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CMP": "Is everything there",
        "CNV": "Conversion of instances",
        "CON": "The directory against the files",
        "DEI": "De-identification",
        "DIF": "Comparison of two media",
        "DIR": "The DICOMDIR",
        "DRV": "Drives, sticks and robots",
        "DRG": "The German catalogue of 2006",
        "EXT": "Extraction of files",
        "FET": "Fetching from an archive",
        "FST": "Making a file-set",
        "HYG": "Programs, litter and encryption",
        "ICN": "Icon images",
        "IDN": "Whose instances they are",
        "IMP": "Import to a destination",
        "KEY": "Keys of the directory records that are written",
        "MAN": "The manifest and its signature",
        "MED": "Medium and file system",
        "MET": "File meta information",
        "NAM": "Names of files",
        "PDI": "IHE Portable Data for Imaging",
        "PPR": "Labels and cover sheets",
        "PRF": "The proof of a written image",
        "PRO": "Instances against an application profile",
        "SAL": "Salvage of damaged media",
        "SCP": "Receiving from the network",
        "SEC": "Secure DICOM Files",
        "SRC": "Reading files",
        "UPD": "Updates of a file-set",
        "VAL": "The validation as a whole",
        "WRP": "Images and documents that become instances",
        "VWR": "Images for browsers on the medium",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEntry:
    """A rule, the commands in which it is met, and its rule set when `validate` judges media by it."""

    rule: Rule
    commands: tuple[str, ...]
    rule_set: RuleSet | None = None

    @property
    def group(self) -> str:
        """Return the letters in the middle of the id: "DIR" of "MK-DIR-012"; "" for others."""
        return self.rule.id.split("-")[1] if self.rule.id.startswith("MK-") else ""


def rulebook() -> tuple[Rule, ...]:
    """Return every rule, sorted by id."""
    return tuple(entry.rule for entry in entries())


def entries() -> tuple[RuleEntry, ...]:
    """Return every rule with where it is met, sorted by id. Loads all modules that hold rules."""
    found: dict[str, RuleEntry] = {}
    for entry in (*_of_checks(), *_of_modules()):
        found.setdefault(entry.rule.id, entry)
    return tuple(found[rule_id] for rule_id in sorted(found))


def entry_of(rule_id: str, among: Sequence[RuleEntry]) -> RuleEntry:
    """Return the entry of an id, in any case. Raises UsageError with the nearest ids when there is none."""
    by_id = {entry.rule.id: entry for entry in among}
    wanted = rule_id.strip().upper()
    found = by_id.get(wanted) or by_id.get(f"MK-{wanted}")
    if found is not None:
        return found
    close = difflib.get_close_matches(wanted, by_id, n=4, cutoff=0.7)
    hint = f"did you mean {' or '.join(close)}?" if close else "`mediakit explain` lists them all"
    raise UsageError(f"there is no rule `{printable(rule_id)}`", hint=hint)


def _of_checks() -> Iterator[RuleEntry]:
    for check in checks():
        commands: tuple[str, ...] = _INSPECTING if check.find in _INSPECTED else _VALIDATING
        if check in completeness.CHECKS:
            commands = (*_WRITING, *_INSPECTING)
        for rule in check.rules:
            yield RuleEntry(rule=rule, commands=commands, rule_set=check.rule_set)


def _of_modules() -> Iterator[RuleEntry]:
    for names, commands in _MODULES:
        rule_set = RuleSet.PS3 if "validate" in commands else None
        for name in names:
            for held in vars(import_module(f"mediakit.{name}")).values():
                if isinstance(held, Rule):
                    yield RuleEntry(rule=held, commands=commands, rule_set=rule_set)
