"""Every shipped profile equals an independent reading of the tables of PS3.11 and PS3.12.

The tables are CSV files in `profile_facts`; nothing here uses mediakit to read them. `reading_of` describes a
profile as the tables would, `facts_of` does it from the tables, and both must be the same value.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from mediakit.profile.load import load_catalogue
from mediakit.profile.model import (
    DicomdirRule,
    IconRule,
    ImageOp,
    ImageRule,
    KeyCondition,
    Medium,
    Profile,
    Requirement,
    Role,
    Security,
    Sessions,
    SopRule,
)
from tests.support.each import each

FACTS = Path(__file__).parent / "profile_facts"
CATALOGUE = load_catalogue()
DICOMDIR = ("1.2.840.10008.1.3.10", "", "1.2.840.10008.1.2.1")
PHOTOMETRIC = "(0028,0004)"
VARIANTS = {"grayscale": "MONOCHROME2", "palette color": "PALETTE COLOR"}  # Tables E.3-5 and E.3-6
ORGANIZATION = "(0018,6044)"
REGIONS = "(0018,6011)"

Reading = dict[str, Any]


def rows(name: str) -> list[dict[str, str]]:
    with (FACTS / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


PROFILES = {row["identifier"]: row for row in rows("profiles")}
SOP_ROWS = rows("profile_sop_ts")
KEY_ROWS = rows("profile_keys")
IMAGE_ROWS = rows("profile_image_values")
ICON_ROWS = {row["rule"]: row for row in rows("profile_icons")}
CALIBRATION_ROWS = rows("calibration")
MEDIA = {row["medium"]: row for row in rows("media")}

SESSIONS = {
    "finalize-or-multisession": "finalize-or-multisession",
    "finalize-or-multisession-or-packet-writing, as the medium allows": (
        "finalize-or-multisession-or-packet-writing"
    ),
    "finalize-or-multisession, packet-writing permitted where medium and file system allow": (
        "finalize-or-multisession-or-packet-writing"
    ),
    "finalize where medium and file system allow": "finalize",
    "rewritable medium, no session rule": "rewritable",
    "n/a": "not-applicable",
}


# What the tables say.


def facts_of(identifier: str) -> Reading:
    row = PROFILES[identifier]
    security = "none"
    if row["secure"] == "yes":
        security = "media" if "PS3.15 D.1" in row["security_profile"] else "email"
    return {
        "id": identifier,
        "class": row["profile_class"],
        "title": row["title"],
        "source": f"PS3.11 Annex {row['annex']}",
        "status": row["status"].split(" ")[0],
        "medium": MEDIA[row["medium"]]["id"],
        "roles": {role for role in ("fsc", "fsr", "fsu") if row[f"role_{role}"] == "yes"},
        "security": security,
        "sessions": SESSIONS[row["sessions"]],
        "single volume": row["volumes"] == "single-volume-only",
        "claimed classes listed": row["claimed_class_list_required"] == "yes",
        "dicomdir": (
            row["dicomdir"],
            row["dicomdir_transfer_syntax"],
            row["empty_directory_allowed"],
            row["all_files_referenced"],
        ),
        "sop": Counter(
            (
                *(r["sop_class_uid"], r["variant"], r["transfer_syntax_uid"]),
                *(r["fsc"], r["fsr"], r["fsu"]),
            )
            for r in SOP_ROWS
            if r["identifier"] == identifier
        ),
        "keys": Counter(
            (
                *(r["table"], r["tag"], frozenset(r["record_types"].split("|"))),
                *(r["type"], r["condition"] or "always", r["parent"]),
            )
            for r in KEY_ROWS
            if r["table"] == row["additional_key_table"]
        ),
        "images": Counter(
            rule
            for r in IMAGE_ROWS
            if r["table"] in row["image_value_tables"].split()
            for rule in expanded(r)
        )
        + table_c_3_2_is_closed(row),
        "calibration": calibration_facts(identifier),
        "icon": icon_facts(row["icon_rule"]),
    }


ImageFact = tuple[
    str, frozenset[str], str, str, frozenset[str], str
]  # table, classes, tag, rule, values, when


def expanded(row: dict[str, str]) -> list[ImageFact]:
    """One row of the table as (table, classes, tag, rule, values, when)."""
    variant = re.search(r"\((.*)\)", row["applies_to_sop_classes"])
    classes = frozenset(row["applies_to_sop_classes"].split(" ")[0].split("|"))
    when = f"{PHOTOMETRIC} in {VARIANTS[variant[1]]}" if variant else ""
    table, tag, rule, value = row["table"], row["tag"], row["rule"], row["value"]
    if rule == "equals-tag":
        return [(table, classes, tag, "equals-tag", frozenset({f"{value} 0"}), when)]
    if rule == "equals-tag-minus":
        other, less = value[:11], value[11:]
        return [(table, classes, tag, "equals-tag", frozenset({f"{other} {less}"}), when)]
    if rule == "if-equals":
        yes, other, only, no = re.findall(r"^(\d+) when (\(.*\)) is (\d+), else (\d+)$", value)[0]
        return [
            (table, classes, tag, "equals", frozenset({yes}), f"{other} in {only}"),
            (table, classes, tag, "equals", frozenset({no}), f"{other} not in {only}"),
        ]
    if rule == "type":
        return [(table, classes, tag, f"type-{value}", frozenset(), when)]
    if rule == "photometric-requires-ts":
        photometric, syntaxes = value.split(" -> ")
        when = f"{PHOTOMETRIC} in {photometric}"
        return [(table, classes, tag, "syntax-one-of", frozenset(syntaxes.split("|")), when)]
    return [(table, classes, tag, rule, frozenset(value.split("|")), when)]


def table_c_3_2_is_closed(row: dict[str, str]) -> Counter[ImageFact]:
    """Any photometric interpretation that Table C.3-2 does not name is outside it."""
    if row["image_value_tables"] != "C.3-2":
        return Counter()
    named = [r for r in IMAGE_ROWS if r["table"] == "C.3-2"]
    values = frozenset(r["value"].split(" -> ")[0] for r in named)
    classes = frozenset(named[0]["applies_to_sop_classes"].split("|"))
    return Counter([("C.3-2", classes, PHOTOMETRIC, "one-of", values, "")])


def calibration_facts(identifier: str) -> Counter[tuple[str, str, str, bool]]:
    kind = identifier.split("-")[2] if identifier.startswith("STD-US-") else ""
    facts = Counter(
        (
            REGIONS,
            r["tag"],
            f"{ORGANIZATION} in {r['organization']}" if r["organization"] else "",
            r["confirmed"] == "yes",
        )
        for r in CALIBRATION_ROWS
        if kind in r["calibration"].split()
    )
    return facts + Counter([(REGIONS, "", "", True)]) if facts else facts


def icon_facts(rule: str) -> tuple[object, ...] | None:
    if not rule:
        return None
    row = ICON_ROWS[rule]
    return (
        frozenset(row["record_types"].split("|")),
        row["required"] == "yes",
        *(int(row["rows"]), int(row["columns"]), int(row["bits_allocated"])),
        int(row["bits_stored"] or row["bits_allocated"]),  # PS3.3 F.7 where the annex is silent
        frozenset(row["photometric"].removesuffix(" (F.7)").split("|")),
    )


# What the profile says.


def reading_of(profile: Profile) -> Reading:
    directory = profile.dicomdir
    sop = [
        (
            *({"*storage": "*", "*multiframe": "*MF"}.get(one, one), variant_of(rule), syntax),
            *(rule.fsc.value, rule.fsr.value, rule.fsu.value),
        )
        for rule in profile.sop
        for one in rule.classes
        for syntax in rule.syntaxes
    ]
    return {
        "id": profile.id,
        "class": profile.profile_class,
        "title": profile.title,
        "source": profile.source,
        "status": profile.status,
        "medium": profile.medium.id,
        "roles": {role.value.lower() for role in profile.roles},
        "security": profile.security.value,
        "sessions": profile.sessions.value,
        "single volume": profile.single_volume,
        "claimed classes listed": profile.claimed_classes_listed,
        "dicomdir": (
            "mandatory" if directory.mandatory else "optional",
            DICOMDIR[2],
            "yes" if directory.empty_allowed else "no",
            "yes" if directory.all_files_referenced else "no",
        ),
        "sop": Counter([*sop, (*DICOMDIR, directory.fsc.value, directory.fsr.value, directory.fsu.value)]),
        "keys": Counter(
            (
                *(key.ref.removeprefix("PS3.11 Table "), text_of(key.tag), frozenset(key.records)),
                *(key.type, key.condition.value, text_of(key.parent)),
            )
            for key in profile.keys
        ),
        "images": Counter(fact for rule in profile.images for fact in image_reading(rule))
        + variants_as_values(profile),
        "calibration": Counter(
            (text_of(item.sequence), text_of(tag), when_of(item), not item.unconfirmed)
            for item in profile.items
            for tag in item.tags
        )
        + Counter(
            (text_of(rule.tag), "", when_of(rule), True)
            for rule in profile.images
            if rule.op is ImageOp.TYPE_1
        ),
        "icon": icon_reading(profile.icon),
    }


def text_of(tag: int | None) -> str:
    return "" if tag is None else f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def when_of(rule: Any) -> str:
    if rule.when is None:
        return ""
    return f"{text_of(rule.when.tag)} {'not in' if rule.when.negate else 'in'} {'|'.join(rule.when.values)}"


def variant_of(rule: SopRule) -> str:
    names: dict[tuple[str, ...], str] = {(value,): name for name, value in VARIANTS.items()}
    return names[rule.photometric] if rule.photometric else ""


def image_reading(rule: ImageRule) -> list[ImageFact]:
    """A rule of several photometric interpretations is several rows of Table C.3-2."""
    if rule.op is ImageOp.TYPE_1:
        return []  # only the ultrasound regions have it: see "calibration"
    values = set(rule.values)
    if rule.op is ImageOp.EQUALS_TAG:
        values = {f"{text_of(rule.other)} {rule.plus}"}
    table = rule.ref.removeprefix("PS3.11 Table ")
    fact = (table, frozenset(rule.classes), text_of(rule.tag), rule.op.value, frozenset(values))
    if rule.op is ImageOp.SYNTAX_ONE_OF and rule.when is not None:
        return [(*fact, f"{text_of(rule.when.tag)} in {value}") for value in rule.when.values]
    return [(*fact, when_of(rule))]


def variants_as_values(profile: Profile) -> Counter[ImageFact]:
    """Tables E.3-5 and E.3-6 fix the photometric interpretation; the profile does so in its `sop` rows."""
    facts: Counter[ImageFact] = Counter()
    tables = {"MONOCHROME2": "E.3-5", "PALETTE COLOR": "E.3-6"}
    for value in {value for rule in profile.sop for value in rule.photometric}:
        classes = frozenset(one for rule in profile.sop if value in rule.photometric for one in rule.classes)
        when = f"{PHOTOMETRIC} in {value}"
        facts[(tables[value], classes, PHOTOMETRIC, "equals", frozenset({value}), when)] += 1
    return facts


def icon_reading(icon: IconRule | None) -> tuple[object, ...] | None:
    if icon is None:
        return None
    size = (icon.rows, icon.columns, icon.bits_allocated, icon.bits_stored)
    return (frozenset(icon.records), icon.required, *size, frozenset(icon.photometric))


# The comparison.


def test_there_are_exactly_the_82_identifiers_of_the_standard() -> None:
    assert len(PROFILES) == 82
    assert sorted(CATALOGUE.profiles) == sorted(PROFILES)


@each("identifier", PROFILES)
def test_a_profile_is_what_the_tables_say(identifier: str) -> None:
    expected, got = facts_of(identifier), reading_of(CATALOGUE.profiles[identifier])
    for name, value in expected.items():
        assert got[name] == value, f"{identifier}: {name}"
    assert got == expected


def test_all_rows_of_the_tables_are_used() -> None:
    """The counts, taken from the files as a whole: a row that no profile uses would be a gap of this test."""
    assert len(SOP_ROWS) == sum(facts_of(one)["sop"].total() for one in PROFILES) == 364
    assert {r["table"] for r in KEY_ROWS} == {r["additional_key_table"] for r in PROFILES.values()} - {""}
    used = {table for r in PROFILES.values() for table in r["image_value_tables"].split()}
    assert {r["table"] for r in IMAGE_ROWS} == used
    assert set(ICON_ROWS) - {"base"} == {r["icon_rule"] for r in PROFILES.values()} - {""}
    got = sum(reading_of(one)["sop"].total() for one in CATALOGUE.profiles.values())
    assert got == len(SOP_ROWS)
    calibrated = {"SC": 11, "CC": 24, "ID": 0}
    for identifier in PROFILES:
        if identifier.startswith("STD-US-"):
            wanted = calibrated[identifier.split("-")[2]]
            assert sum(len(item.tags) for item in CATALOGUE.profiles[identifier].items) == wanted


def test_facts_that_no_field_holds_are_the_same_for_every_profile() -> None:
    """They are rules of every File-set, not of a profile; a new value here would need a field."""
    assert {r["patient_id_unique_per_patient_record"] for r in PROFILES.values()} <= {
        "yes",
        "base-standard (PS3.3 F.5.1)",
    }
    assert {r["dicomdir_in_root"] for r in PROFILES.values()} <= {"yes", "part id DICOMDIR"}


@each("name", MEDIA)
def test_a_medium_is_what_the_tables_say(name: str) -> None:
    row = MEDIA[name]
    used = [p for p in CATALOGUE.profiles.values() if PROFILES[p.id]["medium"] == name]
    assert used
    assert {PROFILES[p.id]["ps3_12_annex"] for p in used} == {row["ps3_12_annex"]}
    for profile in used:
        assert medium_reading(profile.medium) == medium_facts(row)


def medium_facts(row: dict[str, str]) -> Reading:
    sectors = dict(one.split("=") for one in row["sectors"].split("|") if one)
    annex = {"V (ZIP) and W (e-mail)": "Annexes V and W"}.get(
        row["ps3_12_annex"], f"Annex {row['ps3_12_annex']}"
    )
    return {
        "id": row["id"],
        "annex": f"PS3.12 {annex}",
        "file systems": {one for one in row["file_systems"].split("|") if one},
        "images": {one for one in row["images"].split("|") if one},
        "depth": int(row["levels"]),
        "volume id": row["volume_id"] == "file-set id",
        "sector": int(row["sector_bytes"]),
        "capacities": {one: int(count) * 2048 for one, count in sectors.items()},
        "default": bool(sectors),
    }


def medium_reading(medium: Medium) -> Reading:
    return {
        "id": medium.id,
        "annex": medium.annex,
        "file systems": set(medium.file_systems),
        "images": set(medium.images),
        "depth": medium.max_depth,
        "volume id": medium.volume_id_is_file_set_id,
        "sector": medium.sector_bytes,
        "capacities": dict(medium.capacities),
        "default": medium.default_capacity in medium.capacities,
    }


def test_the_file_systems_of_the_media_are_those_named_with_each_profile() -> None:
    """`profiles.csv` names the file systems as a phrase; `media.csv` as a list."""
    phrases = {
        "ISO 9660 Level 1": {"cd-r"},
        "UDF 1.02/1.5/2.0/2.01 and/or ISO 9660 Level 1-3": {"dvd"},
        "UDF 1.5": {"dvd-ram"},
        "UDF 2.5 (BD-RE) / UDF 2.6 (BD-R)": {"bd"},
        "FAT16 or FAT32": {"usb", "cf"},
        "FAT16": {"mmc", "sd"},
        "PC file system (FAT12/FAT16), unpartitioned": {"mod-130-4.1", "mod-90-2.3"},
        "ZIP archive": {"zip-mail"},
        "none (MIME multipart)": {"mime"},
    }
    met: dict[str, set[str]] = {}
    for identifier, row in PROFILES.items():
        met.setdefault(row["file_system"], set()).add(CATALOGUE.profiles[identifier].medium.id)
    assert met == phrases


# The comparison must be able to fail: each of these slips, put into a profile on purpose, is seen.


def first_sop(profile: Profile, **changes: Any) -> Profile:
    return replace(profile, sop=(replace(profile.sop[0], **changes), *profile.sop[1:]))


def last_key(profile: Profile, **changes: Any) -> Profile:
    return replace(profile, keys=(*profile.keys[:-1], replace(profile.keys[-1], **changes)))


def first_image(profile: Profile, **changes: Any) -> Profile:
    return replace(profile, images=(replace(profile.images[0], **changes), *profile.images[1:]))


def last_item(profile: Profile, **changes: Any) -> Profile:
    return replace(profile, items=(*profile.items[:-1], replace(profile.items[-1], **changes)))


def icon(profile: Profile, **changes: Any) -> Profile:
    assert profile.icon is not None
    return replace(profile, icon=replace(profile.icon, **changes))


SLIPS: dict[str, tuple[str, Callable[[Profile], Profile]]] = {
    "another syntax": ("STD-GEN-CD", lambda p: first_sop(p, syntaxes=("1.2.840.10008.1.2",))),
    "a class less": ("STD-DEN-CD", lambda p: first_sop(p, classes=p.sop[0].classes[:1])),
    "a syntax twice": ("STD-GEN-CD", lambda p: first_sop(p, syntaxes=p.sop[0].syntaxes * 2)),
    "writer's requirement": ("STD-XABC-CD", lambda p: first_sop(p, fsc=Requirement.OPTIONAL)),
    "reader's requirement": ("STD-XABC-CD", lambda p: first_sop(p, fsr=Requirement.OPTIONAL)),
    "updater's requirement": ("STD-XABC-CD", lambda p: first_sop(p, fsu=Requirement.MANDATORY)),
    "a row less": ("STD-CTMR-CD", lambda p: replace(p, sop=p.sop[:-1])),
    "photometric lost": (
        "STD-CTMR-CD",
        lambda p: replace(p, sop=tuple(replace(r, photometric=()) for r in p.sop)),
    ),
    "another role": ("STD-GEN-CD", lambda p: replace(p, roles=(Role.FSC, Role.FSR))),
    "not secure": ("STD-GEN-SEC-CD", lambda p: replace(p, security=Security.NONE)),
    "secured otherwise": ("STD-GEN-SEC-ZIP-MAIL", lambda p: replace(p, security=Security.MEDIA)),
    "sessions": ("STD-GEN-CD", lambda p: replace(p, sessions=Sessions.FINALIZE)),
    "volumes": ("STD-GEN-CD", lambda p: replace(p, single_volume=False)),
    "claimed classes": ("STD-GEN-CD", lambda p: replace(p, claimed_classes_listed=False)),
    "title": ("STD-GEN-CD", lambda p: replace(p, title="General Purpose CD")),
    "class of profile": ("STD-GEN-SEC-USB-JPEG", lambda p: replace(p, profile_class="STD-GEN-USB")),
    "annex": ("STD-GEN-CD", lambda p: replace(p, source="PS3.11 Annex E")),
    "medium": (
        "STD-GEN-CD",
        lambda p: replace(p, medium=CATALOGUE.profiles["STD-GEN-DVD-JPEG"].medium),
    ),
    "dicomdir optional": ("STD-GEN-CD", lambda p: replace(p, dicomdir=replace(p.dicomdir, mandatory=False))),
    "dicomdir's row": ("STD-GEN-CD", lambda p: replace(p, dicomdir=DicomdirRule())),
    "empty dicomdir": ("STD-GEN-CD", lambda p: replace(p, dicomdir=replace(p.dicomdir, empty_allowed=True))),
    "key's tag": ("STD-GEN-USB-J2K", lambda p: last_key(p, tag=0x00280031)),
    "key's type": ("STD-GEN-USB-J2K", lambda p: last_key(p, type="1")),
    "key's condition": ("STD-GEN-USB-J2K", lambda p: last_key(p, condition=KeyCondition.PRESENT)),
    "key's records": ("STD-GEN-USB-J2K", lambda p: last_key(p, records=("IMAGE",))),
    "key's parent": ("STD-GEN-CD", lambda p: last_key(p, parent=None)),
    "key's table": ("STD-GEN-CD", lambda p: last_key(p, ref="PS3.11 Table E.3-2")),
    "a key less": ("STD-XABC-CD", lambda p: replace(p, keys=p.keys[1:])),
    "image's tag": ("STD-XABC-CD", lambda p: first_image(p, tag=0x00080061)),
    "image's value": ("STD-XABC-CD", lambda p: first_image(p, values=("RF",))),
    "image's operation": ("STD-XA1K-CD", lambda p: first_image(p, op=ImageOp.MAX)),
    "image's classes": ("STD-US-ID-SF-CDR", lambda p: first_image(p, classes=p.images[0].classes[:1])),
    "a photometric value less": ("STD-US-ID-SF-CDR", lambda p: first_image(p, values=p.images[0].values[1:])),
    "an image rule less": ("STD-DEN-CD", lambda p: replace(p, images=p.images[:-1])),
    "condition lost": (
        "STD-DEN-CD",
        lambda p: replace(p, images=tuple(replace(r, when=None) for r in p.images)),
    ),
    "condition turned": (
        "STD-DEN-CD",
        lambda p: replace(
            p, images=tuple(replace(r, when=replace(r.when, negate=False)) if r.when else r for r in p.images)
        ),
    ),
    "difference of tags": (
        "STD-CTMR-CD",
        lambda p: replace(p, images=tuple(replace(r, plus=0) for r in p.images)),
    ),
    "calibration tag": ("STD-US-CC-MF-DVD", lambda p: last_item(p, tags=(0x00189999,))),
    "calibration condition": ("STD-US-CC-MF-DVD", lambda p: last_item(p, when=None)),
    "calibration confirmed": ("STD-US-CC-MF-DVD", lambda p: last_item(p, unconfirmed=False)),
    "calibration sequence": ("STD-US-SC-SF-DVD", lambda p: replace(p, images=p.images[:-1])),
    "icon's size": ("STD-XABC-CD", lambda p: icon(p, rows=64)),
    "icon needless": ("STD-XABC-CD", lambda p: icon(p, required=False)),
    "icon's records": ("STD-CTMR-CD", lambda p: icon(p, records=("IMAGE",))),
    "icon's colour": ("STD-CTMR-CD", lambda p: icon(p, photometric=("MONOCHROME2",))),
    "no icon": ("STD-XA1K-CD", lambda p: replace(p, icon=None)),
}


@each("slip", SLIPS)
def test_a_slip_in_a_profile_is_seen(slip: str) -> None:
    identifier, change = SLIPS[slip]
    assert reading_of(CATALOGUE.profiles[identifier]) == facts_of(identifier)
    assert reading_of(change(CATALOGUE.profiles[identifier])) != facts_of(identifier)
