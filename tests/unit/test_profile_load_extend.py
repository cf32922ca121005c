"""Profiles of the user: what they take from their base, and the rule of PS3.2 7.4.2."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from msgspec.structs import replace

from mediakit.errors import ProfileError
from mediakit.profile.load import check_file, load_catalogue, load_profile
from mediakit.profile.model import IconRule, Kind, Profile, Requirement, Role, Security, SopRule
from mediakit.profile.superset import superset_faults
from tests.support.each import each

CR = "1.2.840.10008.5.1.4.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
LOSSLESS = "1.2.840.10008.1.2.4.70"
ADD_CR = f"""
[[profile.add.sop]]
classes = ["{CR}"]
syntaxes = ["{EXPLICIT}"]
fsc = "optional"
fsr = "mandatory"
fsu = "optional"
"""


def written(folder: Path, text: str, name: str = "own.toml") -> Path:
    path = folder / name
    path.write_text("schema = 1\n" + dedent(text), encoding="utf-8")
    return path


def aug(base: str, rest: str = ADD_CR) -> str:
    return f'[[profile]]\nid = "AUG-X-CD"\nextends = "{base}"\n{rest}'


def pri(base: str, rest: str) -> str:
    return f'[[profile]]\nid = "PRI-X-CD"\nextends = "{base}"\n{rest}'


def only_fault(path: Path) -> str:
    faults = check_file(path)
    assert len(faults) == 1, faults
    return faults[0]


def test_an_augmented_profile_has_all_of_its_base_and_more(tmp_path: Path) -> None:
    path = written(tmp_path, aug("STD-CTMR-CD"))
    base, own = load_profile("STD-CTMR-CD"), load_profile("AUG-X-CD", [path])
    assert own.kind is Kind.AUGMENTED
    assert own.base == "STD-CTMR-CD"
    assert own.sop[:-1] == base.sop
    assert own.sop[-1].classes == (CR,)
    assert (own.medium, own.keys, own.images, own.icon) == (base.medium, base.keys, base.images, base.icon)
    assert own.profile_class == "AUG-X"


def test_a_new_role_is_optional_for_the_rows_of_the_base(tmp_path: Path) -> None:
    path = written(tmp_path, aug("STD-CTMR-DVD", '[profile.add]\nroles = ["FSU"]\n'))
    own = load_profile("AUG-X-CD", [path])
    assert own.roles == (Role.FSC, Role.FSR, Role.FSU)
    assert {rule.fsu for rule in own.sop} == {Requirement.OPTIONAL}
    assert own.dicomdir.fsu is Requirement.MANDATORY


def test_a_private_profile_may_remove(tmp_path: Path) -> None:
    text = f"""
    medium = "dvd"
    security = "media"
    [profile.remove]
    roles = ["FSU"]
    key = ["(0008,1140)"]
    image = ["(0028,0101)"]
    icon = true
    [[profile.remove.sop]]
    classes = ["{CT}"]
    syntaxes = ["{LOSSLESS}"]
    """
    path = written(tmp_path, pri("STD-CTMR-CD", dedent(text)))
    base, own = load_profile("STD-CTMR-CD"), load_profile("PRI-X-CD", [path])
    pairs = {(one, syntax) for rule in own.sop for one in rule.classes for syntax in rule.syntaxes}
    before = {(one, syntax) for rule in base.sop for one in rule.classes for syntax in rule.syntaxes}
    assert before - pairs == {(CT, LOSSLESS)}
    assert own.roles == (Role.FSC, Role.FSR)
    assert {rule.fsu for rule in own.sop} == {Requirement.NOT_DEFINED}
    assert own.medium.id == "dvd"
    assert own.security is Security.MEDIA
    assert own.icon is None
    gone = {key.tag for key in base.keys} - {key.tag for key in own.keys}
    assert gone == {0x00081140, 0x00081150, 0x00081155}  # the sequence and what is nested in it
    assert not [rule for rule in own.images if rule.tag == 0x00280101]


def test_sets_common_and_own_rules_are_joined_in_a_private_profile_written_in_full(tmp_path: Path) -> None:
    text = f"""
    [common]
    source = "handbook"
    medium = "usb"
    roles = ["FSC", "FSR"]
    sessions = "rewritable"
    [[sets.ct.sop]]
    classes = ["{CT}"]
    syntaxes = ["{EXPLICIT}"]
    fsc = "optional"
    fsr = "optional"
    [[profile]]
    id = "PRI-A-USB"
    title = "A"
    base = "STD-GEN-USB-JPEG"
    use = ["ct"]
    [[profile]]
    id = "PRI-B-USB"
    title = "B"
    base = "STD-GEN-USB-JPEG"
    medium = "sd"
    keys = "mine"
    use = ["ct"]
    [[profile.sop]]
    classes = ["{CR}"]
    syntaxes = ["{EXPLICIT}"]
    fsc = "optional"
    fsr = "optional"
    [key-tables]
    mine = [{{ tag = "(0010,0030)", records = ["PATIENT"], type = "2" }}]
    """
    path = written(tmp_path, text)
    assert check_file(path) == ()
    a, b = load_profile("PRI-A-USB", [path]), load_profile("PRI-B-USB", [path])
    assert [rule.classes for rule in a.sop] == [(CT,)]
    assert [rule.classes for rule in b.sop] == [(CT,), (CR,)]
    assert (a.medium.id, b.medium.id) == ("usb", "sd")
    assert (a.keys, b.keys[0].tag) == ((), 0x00100030)


@each(
    ("text", "fault"),
    [
        (aug("STD-CTMR-CD", ""), "it adds nothing to STD-CTMR-CD"),
        (aug("STD-CTMR-CD", 'medium = "dvd"\n' + ADD_CR), "its medium is dvd, not cd-r as in STD-CTMR-CD"),
        (
            aug("STD-CTMR-CD", 'security = "media"\n' + ADD_CR),
            "`security` is media, in STD-CTMR-CD it is none",
        ),
        (aug("STD-CTMR-CD", 'sessions = "finalize"\n' + ADD_CR), "`sessions` is finalize"),
        (aug("STD-CTMR-CD", "dicomdir = { mandatory = false }\n" + ADD_CR), "`dicomdir.mandatory` differs"),
        (
            aug("STD-CTMR-CD", ADD_CR + "[profile.remove]\nicon = true\n"),
            "`remove` is for private profiles; an augmented one only adds",
        ),
        (
            aug("STD-CTMR-CD", ADD_CR.replace(CR, "1.2.826.0.1.3680043.2.1")),
            "1.2.826.0.1.3680043.2.1 is not a SOP class of the standard",
        ),
        (
            aug("STD-CTMR-CD", ADD_CR.replace(CR, "1.2.840.10008.5.1.4.1.1.6")),
            "1.2.840.10008.5.1.4.1.1.6 is retired: an augmented profile takes standard SOP classes only",
        ),
        (
            aug("STD-CTMR-CD", ADD_CR.replace(EXPLICIT, "1.2.826.0.1.9")),
            "1.2.826.0.1.9 is not a transfer syntax of the standard",
        ),
        (
            aug(
                "STD-CTMR-CD",
                ADD_CR + f'[[profile.add.image]]\nclasses = ["{CT}"]\ntag = "(0028,0010)"\n'
                'op = "max"\nvalues = ["512"]\n',
            ),
            "the rule on (0028,0010) narrows what STD-CTMR-CD takes",
        ),
        (
            aug(
                "STD-GEN-CD",
                '[profile.add]\nroles = []\n[[profile.add.item]]\nclasses = ["*storage"]\n'
                'sequence = "(0018,6011)"\ntags = ["(0018,6012)"]\n',
            ),
            "the rule on (0018,6011) narrows what STD-GEN-CD takes",
        ),
    ],
)
def test_an_augmented_profile_that_is_no_superset_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    path = written(tmp_path, text)
    assert any(fault in one for one in check_file(path)), check_file(path)
    with pytest.raises(ProfileError, match=r"PS3\.2|standard"):
        load_profile("AUG-X-CD", [path])


def changed(base: Profile, **values: object) -> Profile:
    """An augmented profile that adds a row, and differs otherwise as told."""
    extra = SopRule(classes=(CR,), syntaxes=(EXPLICIT,), fsc=Requirement.OPTIONAL, fsr=Requirement.OPTIONAL)
    own = replace(base, id="AUG-X-CD", kind=Kind.AUGMENTED, base=base.id, sop=(*base.sop, extra))
    return replace(own, **values)


def test_the_superset_rule_sees_everything_that_a_profile_lost() -> None:
    base = load_profile("STD-CTMR-CD")
    assert list(superset_faults(base, changed(base))) == []
    losses: dict[str, dict[str, object]] = {
        "role FSU of STD-CTMR-CD is gone": {"roles": (Role.FSC, Role.FSR)},
        "CT Image Storage in 1.2.840.10008.1.2.4.70 of STD-CTMR-CD is gone": {"sop": base.sop[1:]},
        "asks something else of a role": {
            "sop": (replace(base.sop[0], fsr=Requirement.OPTIONAL), *base.sop[1:])
        },
        "directory key (0008,1140) of STD-CTMR-CD is gone or changed": {"keys": base.keys[1:]},
        "the rule on (0008,0060) of STD-CTMR-CD is gone or changed": {"images": base.images[1:]},
        "the icon rule of STD-CTMR-CD is gone or changed": {"icon": None},
    }
    for fault, values in losses.items():
        assert any(fault in one for one in superset_faults(base, changed(base, **values))), fault
    calibrated = load_profile("STD-US-SC-SF-CDR")
    assert any(
        "the rule on items of (0018,6011) of STD-US-SC-SF-CDR is gone" in one
        for one in superset_faults(calibrated, changed(calibrated, items=()))
    )


def test_an_icon_rule_may_be_added_where_the_base_has_none() -> None:
    base = load_profile("STD-GEN-CD")
    icon = IconRule(
        records=("IMAGE",),
        required=True,
        rows=64,
        columns=64,
        bits_allocated=8,
        bits_stored=8,
        photometric=("MONOCHROME2",),
    )
    own = replace(base, id="AUG-X-CD", kind=Kind.AUGMENTED, base=base.id, icon=icon)
    assert list(superset_faults(base, own)) == []


def test_an_augmented_profile_may_widen_what_its_base_lists(tmp_path: Path) -> None:
    path = written(tmp_path, aug("STD-CTMR-CD", ADD_CR.replace(CR, "*storage")))
    assert check_file(path) == ()
    assert load_profile("AUG-X-CD", [path]).sop[-1].classes == ("*storage",)


@each(
    ("text", "fault"),
    [
        (
            '[[profile]]\nid = "STD-OWN-CD"\nextends = "STD-GEN-CD"\n',
            "STD-OWN-CD: STD- is for the profiles of PS3.11; a profile of your own is AUG- or PRI-",
        ),
        (aug("STD-NO-CD"), "AUG-X-CD: STD-NO-CD is not a standard profile to stand on"),
        (aug("AUG-Y-CD"), "AUG-X-CD: AUG-Y-CD is not a standard profile to stand on"),
        (
            aug("STD-CTMR-CD", ADD_CR + ADD_CR),
            f"AUG-X-CD: two `sop` rows take {CR} in {EXPLICIT}",
        ),
        (
            aug(
                "STD-GEN-DVD-JPEG",
                ADD_CR.replace('fsu = "optional"', "") + '[profile.add]\nroles = ["FSU"]\n',
            ).replace(
                ADD_CR.replace('fsu = "optional"', "") + '[profile.add]\nroles = ["FSU"]\n',
                '[profile.add]\nroles = ["FSU"]\n'
                + ADD_CR.replace('fsu = "optional"', "").replace(EXPLICIT, "1.2.840.10008.1.2.5"),
            ),
            f"AUG-X-CD: the `sop` row of {CR} in 1.2.840.10008.1.2.5 does not say what it asks of FSU",
        ),
        (aug("STD-CTMR-CD", 'roles = ["FSU"]\n' + ADD_CR), "AUG-X-CD: `roles` goes under `add`"),
        (
            aug("STD-CTMR-CD", '[profile.add]\nroles = ["FSU"]\n'),
            "AUG-X-CD: `add.roles`: STD-CTMR-CD has FSU already",
        ),
        (
            pri("STD-CTMR-CD", 'base = "STD-GEN-CD"\n' + ADD_CR),
            "PRI-X-CD: `base` is said by `extends` already",
        ),
        (
            pri("STD-CTMR-CD", '[profile.remove]\nkey = ["(0010,0010)"]\n'),
            "PRI-X-CD: `remove.key`: (0010,0010) takes nothing away: STD-CTMR-CD does not have it",
        ),
        (
            pri("STD-GEN-CD", f'[[profile.remove.sop]]\nclasses = ["{CT}"]\nsyntaxes = ["{EXPLICIT}"]\n'),
            f"PRI-X-CD: `remove.sop`: {CT} in {EXPLICIT} takes nothing away: STD-GEN-CD does not have it",
        ),
        (
            pri("STD-GEN-CD", '[profile.remove]\nroles = ["FSC", "FSR", "FSU"]\n'),
            "PRI-X-CD: there is no role left",
        ),
        (
            aug("STD-GEN-CD", ADD_CR.replace(CR, CT)),
            f'AUG-X-CD: the `sop` row of {CT} in {EXPLICIT} has no effect: "*storage" takes it already',
        ),
        (
            pri("STD-GEN-MIME", ADD_CR.replace(CR, "*storage").replace('fsu = "optional"', "")),
            f'PRI-X-CD: the `sop` row of *storage in {EXPLICIT} has no effect: "*" takes it already',
        ),
        (
            pri("STD-GEN-MIME", ADD_CR.replace(CR, "*multiframe").replace('fsu = "optional"', "")),
            f'PRI-X-CD: the `sop` row of *multiframe in {EXPLICIT} has no effect: "*storage" takes',
        ),
        (
            pri("STD-GEN-CD", ADD_CR.replace(EXPLICIT, LOSSLESS)).replace('extends = "STD-GEN-CD"\n', ""),
            "PRI-X-CD: a private profile needs `extends` or `base`: the standard profile it stands on",
        ),
        (
            aug("STD-GEN-CD").replace('extends = "STD-GEN-CD"\n', 'base = "STD-GEN-CD"\n'),
            "AUG-X-CD: an augmented profile needs `extends` with the standard profile it augments",
        ),
    ],
)
def test_what_a_user_may_not_write_is_said_in_a_sentence(tmp_path: Path, text: str, fault: str) -> None:
    faults = check_file(written(tmp_path, text))
    assert any(one.startswith(fault) for one in faults), faults


def test_an_identifier_in_two_files_is_an_error_and_no_shadow(tmp_path: Path) -> None:
    first = written(tmp_path, aug("STD-CTMR-CD"), "a.toml")
    second = written(tmp_path, aug("STD-CTMR-CD"), "b.toml")
    with pytest.raises(ProfileError, match=f"{second}: AUG-X-CD is defined in {first} already"):
        load_catalogue([tmp_path])


def test_an_identifier_twice_in_one_file_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, aug("STD-CTMR-CD") + aug("STD-CTMR-CD"))
    assert only_fault(path) == "AUG-X-CD: defined 2 times in this file"


def test_the_same_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = written(tmp_path, aug("STD-CTMR-CD"))
    catalogue = load_catalogue([path, tmp_path, path])
    assert catalogue.origins["AUG-X-CD"] == str(path)
    assert len(catalogue.profiles) == 83


def test_a_file_with_faults_stops_even_a_standard_profile_and_all_faults_are_told(tmp_path: Path) -> None:
    written(tmp_path, aug("STD-CTMR-CD", ""), "a.toml")
    written(tmp_path, aug("STD-NO-CD"), "b.toml")
    with pytest.raises(ProfileError) as caught:
        load_profile("STD-GEN-CD", [tmp_path, tmp_path / "none.toml"])
    text = str(caught.value)
    assert "3 faults in profile files" in text
    assert "a.toml: AUG-X-CD: it adds nothing" in text
    assert "b.toml: AUG-X-CD: STD-NO-CD is not a standard profile" in text
    assert "none.toml: there is no such file or folder" in text
    assert caught.value.exit_code == 2
