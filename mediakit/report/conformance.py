"""The conformance statement as a page of Markdown or HTML, in the order of PS3.2 Annex A. Pure.

All facts come from the document; the sentences around them say what the code does, not what it could do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mediakit.errors import UsageError
from mediakit.profile.model import ANY_MULTIFRAME, ANY_STORAGE, ANY_SYNTAX, Kind, Role
from mediakit.report.conformance_doc import ConformanceDoc, MediaDoc, NetworkDoc, SopRowDoc
from mediakit.report.html_page import html_page, prose
from mediakit.report.json import to_json
from mediakit.transfer.associations import PATIENT_STUDY_ONLY_FIND


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; 1 is that of the page."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below names of columns. A table without rows is not shown."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Table | str
_SOURCE_AE = "kept from the source; of what `serve scp` receives the calling AE title; else absent"
_YES, _NO = "yes", "no"
_STANDARD, _AUGMENTED, _PRIVATE = (kind.value for kind in Kind)
_SETS: Final = {
    ANY_STORAGE: "every Storage SOP Class of section 8.1",
    ANY_MULTIFRAME: "every multi-frame Storage SOP Class",
    ANY_SYNTAX: "every Transfer Syntax of section 8.2",
}


def conformance_form_of(name: str) -> Callable[[ConformanceDoc], str]:
    """Return the function that writes a statement for a file of this name. Raises UsageError."""
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    if suffix not in _FORMS:
        hint = f"name a file {', '.join(sorted(_FORMS))}"
        raise UsageError("this kind of statement is not known", where=name, hint=hint)
    return _FORMS[suffix]


def conformance_text(doc: ConformanceDoc) -> str:
    """Return the statement as Markdown."""
    return "\n\n".join(filter(None, map(_markdown, _blocks(doc)))) + "\n"


def conformance_html(doc: ConformanceDoc) -> str:
    """Return the statement as a page of HTML."""
    title = f"DICOM conformance statement of {doc.product} {doc.version}"
    return html_page(title, filter(None, map(_html, _blocks(doc))), ())


_FORMS: Final[Mapping[str, Callable[[ConformanceDoc], str]]] = {
    ".md": conformance_text,
    ".html": conformance_html,
    ".json": to_json,
}


def _blocks(doc: ConformanceDoc) -> Iterator[Block]:
    yield Heading(1, f"DICOM conformance statement of {doc.product} {doc.version}")
    yield (
        "This statement is made by `mediakit conformance` from the profiles and tables that the program "
        "works with. It follows the order of PS3.2; a medium has no conformance of its own: what is "
        "claimed is that media written or read under a profile conform to that profile."
    )
    yield from _overview(doc)
    yield from _functions(doc)
    yield from _media(doc.media)
    yield from _augmented(doc.media)
    yield from _network(doc.network)
    yield from _character_sets(doc.media)
    yield from _security(doc.media, doc.network)
    yield from _tables(doc)


def _overview(doc: ConformanceDoc) -> Iterator[Block]:
    yield Heading(2, "1 Overview")
    yield "Media services. FSC writes a file-set, FSU changes one, FSR reads one (PS3.10 8.3)."
    yield Table(
        ("Application profile", "Medium", "Writes (FSC)", "Updates (FSU)", "Reads (FSR)", "Media formats"),
        tuple(
            (
                one.id,
                f"{one.medium} ({one.annex})",
                *(_YES if role.value in one.roles else _NO for role in (Role.FSC, Role.FSU, Role.FSR)),
                ", ".join(one.formats),
            )
            for one in doc.media.profiles
        ),
    )
    yield "Network services."
    yield Table(
        ("Service", "Role", "SOP Class"),
        tuple(
            (one.name, one.role, ", ".join(one.sop_classes) or "all of section 8.1")
            for one in doc.network.services
        ),
    )


def _functions(doc: ConformanceDoc) -> Iterator[Block]:
    yield Heading(2, "2 Application entities and activities")
    yield Table(
        ("Activity", "Command", "Role"),
        (
            ("Create a file-set", "`mediakit burn`, `mediakit repair`", "FSC"),
            ("Add instances to a file-set, remove others", "`mediakit update`", "FSR, FSC and FSU"),
            ("Look at a medium, judge it, unpack it", "`mediakit inspect`, `validate`, `extract`", "FSR"),
            ("Send a medium to a remote application", "`mediakit import`", "FSR and Storage SCU"),
            ("Receive instances, and write media of them", "`mediakit serve scp`", "Storage SCP and FSC"),
            ("Make media that are asked for", "`mediakit serve creation`", "Media Creation SCP and FSC"),
            (
                "Fetch instances, and write media of them",
                "`mediakit fetch`, `burn --from`",
                "Query/Retrieve SCU, FSC",
            ),
        ),
    )
    yield (
        f"{doc.product} reads every file of a medium, whether the DICOMDIR names it or not, and changes "
        "none. Records of a kind that it does not know, SOP Classes that no profile covers and files "
        "that hold no DICOM are named in the report and left alone. What it has written is read back "
        "and compared before it gets its name. Image files and archives are written; a disc is burnt "
        "through the program xorriso."
    )


def _media(media: MediaDoc) -> Iterator[Block]:
    yield Heading(2, "3 Media storage")
    yield Heading(3, "3.1 File meta information")
    yield Table(
        ("Element", "Value"),
        (
            ("File Meta Information Version (0002,0001)", media.file_meta_version),
            ("Implementation Class UID (0002,0012)", media.implementation_class_uid),
            ("Implementation Version Name (0002,0013)", media.implementation_version_name),
            ("Source Application Entity Title (0002,0016)", _SOURCE_AE),
            ("Private Information (0002,0102)", "not written"),
        ),
    )
    yield (
        "The preamble is 128 zero bytes in what mediakit makes. A file that is written as it was keeps "
        "its preamble; `validate` names one that begins like a program (PS3.10 7.5)."
    )
    yield Heading(3, "3.2 SOP Classes and Transfer Syntaxes of the profiles")
    yield (
        "The requirements of PS3.11, tables X.3-1. Instances are written in the Transfer Syntax in "
        "which they were given where the profile allows it, else converted without loss to one that it "
        "allows (`--convert`), else refused. Nothing is compressed with loss unless `--convert any` asks "
        "for it."
    )
    yield Table(
        ("Profiles", "SOP Classes", "Transfer Syntaxes", "FSC", "FSR", "FSU"),
        tuple(_sop_row(row) for row in media.sop_rows),
    )
    yield Heading(3, "3.3 Directory")
    yield (
        f"Records are written of these types: {', '.join(media.record_types)}. Their keys are those of "
        "PS3.3 Annex F and of the profile; a mandatory key that an instance lacks is supplied in the "
        "directory alone and said, or the instance is refused (`--supply`). Private records and keys "
        "are not written; `update` keeps those of others byte for byte. Icon images are written where "
        "the profile has a rule for them."
    )
    yield (
        "File IDs and the File-set ID have the characters A-Z, 0-9 and underscore. They hold nothing of "
        "a patient unless the user chooses such a File-set ID."
    )


def _sop_row(row: SopRowDoc) -> tuple[str, ...]:
    named = (
        ", ".join(_SETS.get(one, one) for one in some) for some in (row.sop_classes, row.transfer_syntaxes)
    )
    classes, syntaxes = named
    if row.photometric:
        classes += f" ({' or '.join(row.photometric)})"
    return (", ".join(row.profiles), classes, syntaxes, row.fsc, row.fsr, row.fsu)


def _augmented(media: MediaDoc) -> Iterator[Block]:
    yield Heading(2, "4 Augmented and private application profiles")
    yield (
        "None is part of the product. Users may add their own, which are checked when they are loaded: "
        "an augmented profile is a superset of one standard profile on the same medium, a private one "
        "stands on a medium and format of PS3.12. They are stated here when they are configured."
    )
    yield Table(
        ("Profile", "Kind", "Base", "Title", "Source"),
        tuple(
            (
                one.id,
                {_AUGMENTED: "augmented", _PRIVATE: "private"}[one.kind],
                one.base,
                one.title,
                one.source,
            )
            for one in media.profiles
            if one.kind != _STANDARD
        ),
    )


def _network(network: NetworkDoc) -> Iterator[Block]:
    yield Heading(2, "5 Network")
    yield Heading(3, "5.1 Association policies")
    yield Table(
        ("Policy", "As SCU", "As SCP"),
        (
            ("Application context", network.application_context, network.application_context),
            ("AE title, unless configured", f"`{network.calling_ae}`", f"`{network.calling_ae}`"),
            ("Presentation contexts at most", f"{network.most_contexts}", f"{network.most_contexts}"),
            (
                "Largest PDU received, bytes",
                f"{network.longest_pdu_as_scu:,}",
                f"{network.longest_pdu_as_scp:,}",
            ),
            (
                "Asynchronous operations window",
                f"{network.window_as_scu} proposed",
                f"{network.window_as_scp} at most accepted",
            ),
            ("SOP Class Extended Negotiation", network.storage_level_as_scu, network.storage_level_as_scp),
            ("User identity", ", ".join(network.identities_as_scu), ", ".join(network.identities_as_scp)),
        ),
    )
    yield Heading(3, "5.2 Presentation contexts")
    yield (
        "As SCU of Storage one context is proposed for each SOP Class and Transfer Syntax that the "
        "instances have, and behind them the uncompressed ones, to which an instance is converted when "
        "the peer takes nothing else. Where an import may choose how many associations it opens, the "
        "first one proposes Patient/Study Only Query/Retrieve - FIND as well "
        f"({PATIENT_STUDY_ONLY_FIND}, retired), which is never used: the answer tells whether the peer "
        "stands several. As SCP of Storage the first Transfer Syntax that is known is taken, and every "
        "Storage SOP Class, private and unknown ones too; data sets are kept byte for byte."
    )
    yield Table(
        ("Service", "Role", "Transfer Syntaxes"),
        tuple(
            (one.name, one.role, ", ".join(one.transfer_syntaxes) if one.sop_classes else _SETS[ANY_SYNTAX])
            for one in network.services
        ),
    )
    yield Heading(3, "5.3 Statuses of C-STORE")
    yield "What an import does on the answer of a peer. Any other status is a failure with its number."
    yield Table(
        ("Status", "Meaning", "What is done"),
        tuple((one.status, one.meaning, one.done) for one in network.statuses_heard),
    )
    yield "What `serve scp` answers."
    yield Table(("Status", "Meaning"), tuple((one.status, one.meaning) for one in network.statuses_given))
    yield Heading(3, "5.4 DICOMweb")
    yield (
        "As user agent: STOW-RS (Store Transaction, `application/dicom`), WADO-RS (Retrieve Transaction, as "
        "stored), and QIDO-RS, also at the level of instances as proof of storage. There is no origin server."
    )
    yield Heading(3, "5.5 Configured destinations")
    yield f"Kinds of addresses: {', '.join(f'`{scheme}`' for scheme in network.schemes)}."
    yield Table(
        ("Name", "Address", "Settings"),
        tuple(
            (one.name, one.address, ", ".join(f"{key} = {value}" for key, value in one.settings.items()))
            for one in network.destinations
        ),
    )


def _character_sets(media: MediaDoc) -> Iterator[Block]:
    yield Heading(2, "6 Character sets")
    yield (
        "These values of Specific Character Set (0008,0005) are read: "
        f"{', '.join(media.character_sets)}, and the default repertoire. Text in an unknown one is shown "
        "with replacement characters and never guessed; instances keep their bytes. A DICOMDIR keeps "
        "the set of the instances, or is written in ISO_IR 192 where they differ."
    )


def _security(media: MediaDoc, network: NetworkDoc) -> Iterator[Block]:
    yield Heading(2, "7 Security")
    secure = [one.id for one in media.profiles if one.is_secure]
    kept = media.security
    yield (
        f"Secure DICOM Files (PS3.15 D.1): written with {kept.writes_cipher} for RSA certificates or a "
        f"password (PBKDF2, {kept.password_rounds:,} rounds) over {kept.writes_digest.upper()}; read "
        f"with the digests {', '.join(digest.upper() for digest in kept.reads_digests)}. Profiles: "
        f"{', '.join(secure)}."
    )
    yield (
        "TLS (PS3.15 B.12, BCP 195): 1.2 or newer with forward secrecy and authenticated ciphers, in "
        "both roles; certificates of the peer are checked, own ones are shown. User identity as SCP: "
        f"{', '.join(network.identities_as_scp)}. mediakit sends no e-mail: encrypting a message is left "
        "to the mail program (PS3.15 B.8)."
    )


def _tables(doc: ConformanceDoc) -> Iterator[Block]:
    yield Heading(2, "8 Tables")
    yield Heading(3, "8.1 Storage SOP Classes")
    yield "Without a directory record an instance can be received and sent, and stands on no medium."
    yield Table(
        ("SOP Class", "UID", "Retired", "Directory record"),
        tuple(
            (one.name, one.uid, _YES if one.is_retired else _NO, one.record_type) for one in doc.sop_classes
        ),
    )
    yield Heading(3, "8.2 Transfer Syntaxes")
    yield (
        "Instances in every one are read, written and sent as they are; pixel data by reference stand "
        "on no medium. Decoding and encoding without loss are for conversions and icons; compressed "
        "images need the codecs of the extra `codecs`."
    )
    yield Table(
        ("Transfer Syntax", "UID", "On media", "Decodes", "Encodes"),
        tuple(
            (
                one.name,
                one.uid,
                *(_YES if has else _NO for has in (one.is_for_media, one.decodes, one.encodes)),
            )
            for one in doc.transfer_syntaxes
        ),
    )


def _markdown(block: Block) -> str:
    if isinstance(block, str):
        return block
    if isinstance(block, Heading):
        return f"{'#' * block.level} {block.text}"
    if not block.rows:
        return ""
    return "\n".join(map(_row, (block.columns, ("---",) * len(block.columns), *block.rows)))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _html(block: Block) -> str:
    if isinstance(block, str):
        return f"<p>{prose(block)}</p>"
    if isinstance(block, Heading):
        return f"<h{block.level}>{prose(block.text)}</h{block.level}>"
    if not block.rows:
        return ""
    head = "".join(f"<th>{prose(cell)}</th>" for cell in block.columns)
    rows = ("".join(f"<td>{prose(cell)}</td>" for cell in row) for row in block.rows)
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
