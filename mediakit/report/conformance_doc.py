"""What mediakit claims, as the document `mediakit/conformance/1`: from profiles and tables of the code.

Nothing is claimed here that is not asked of the code: a profile can be written when a media format suits its
medium, and updated when it has the role and `update` takes it. Source: PS3.2 7.2 and Annex A.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from mediakit import __version__
from mediakit.destinations.address import Named
from mediakit.destinations.dimse_get import STUDY_ROOT_GET
from mediakit.destinations.dimse_move import STUDY_ROOT_MOVE
from mediakit.destinations.find import FindModel
from mediakit.destinations.login import kind_name
from mediakit.destinations.peer import DEFAULT_CALLING_AE, DEFAULT_WINDOW
from mediakit.destinations.proposing import MOST_CONTEXTS, OUR_LONGEST_PDU
from mediakit.destinations.registry import KINDS
from mediakit.dicom.commitment import STORAGE_COMMITMENT
from mediakit.dicom.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from mediakit.dicom.media_creation import MEDIA_CREATION
from mediakit.dicom.text import defined_terms
from mediakit.dicom.uids import NETWORK_ONLY, STORAGE, SYNTAXES
from mediakit.errors import UsageError
from mediakit.fileset.record_types import RECORD_TYPE_OF
from mediakit.formats.registry import SINKS, TREES
from mediakit.network.associate import APPLICATION_CONTEXT
from mediakit.network.message import VERIFICATION
from mediakit.network.status import StatusKind, known_statuses, meaning
from mediakit.network.storage_level import KEEPS_ALL, SCU_ONLY, level_words
from mediakit.network.user_items import IdentityKind
from mediakit.profile.load import Catalogue
from mediakit.profile.model import Profile, Role
from mediakit.scp import receiver
from mediakit.scp.contexts import MAXIMUM_PDU_BYTES, MESSAGE_SYNTAXES
from mediakit.scp.negotiation import WINDOW
from mediakit.secure import algorithms, passwords
from mediakit.stages.import_order import Patience
from mediakit.stages.judge.updatable import check_updater
from mediakit.stages.plan.target import suits
from mediakit.transfer.negotiate import FALLBACKS

_FOLDER: Final = "folder"
_WAITS: Final = " and ".join(f"{wait:g}" for wait in Patience().refusals)
#: What an import does on a status, by its class (PS3.4 B.2.3).
DONE_ON: Final = {
    StatusKind.SUCCESS: "stored; proof of storage is asked for where the destination has one",
    StatusKind.WARNING: "stored with a warning, which the report repeats",
    StatusKind.REFUSED: f"tried again after {_WAITS} seconds, then refused; the job can be resumed",
    StatusKind.ERROR: "failed with the reason, and not tried again by itself",
}
_GIVEN: Final = (
    receiver.SUCCESS,
    receiver.PROCESSING_FAILURE,
    receiver.DUPLICATE_INSTANCE,
    receiver.INVALID_INSTANCE,
    receiver.OUT_OF_RESOURCES,
    receiver.DOES_NOT_MATCH,
    receiver.CANNOT_UNDERSTAND,
)


class ProfileDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One application profile. `formats` are the media formats in which it is written, folders aside."""

    id: str
    title: str
    kind: str
    base: str
    source: str
    medium: str
    annex: str
    is_secure: bool
    roles: list[str]
    formats: list[str]


class SopRowDoc(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the tables X.3-1 of PS3.11, and all profiles that have it.

    `photometric` limits it to images with one of these Photometric Interpretations, when it is not empty.
    """

    profiles: list[str]
    sop_classes: list[str]
    transfer_syntaxes: list[str]
    photometric: list[str]
    fsc: str
    fsr: str
    fsu: str


class SopClassDoc(msgspec.Struct, frozen=True, kw_only=True):
    """A Storage SOP Class, and the type of its directory record; "" when none may hold it."""

    uid: str
    name: str
    is_retired: bool
    record_type: str


class SyntaxDoc(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer syntax. `decodes` and `encodes` are for conversions: all are carried as they are."""

    uid: str
    name: str
    is_for_media: bool
    decodes: bool
    encodes: bool


class SecurityDoc(msgspec.Struct, frozen=True, kw_only=True):
    """How Secure DICOM Files are written and read (PS3.15 D.1)."""

    writes_cipher: str
    writes_digest: str
    password_rounds: int
    reads_digests: list[str]


class MediaDoc(msgspec.Struct, frozen=True, kw_only=True):
    """The media part."""

    profiles: list[ProfileDoc]
    sop_rows: list[SopRowDoc]
    file_meta_version: str
    implementation_class_uid: str
    implementation_version_name: str
    record_types: list[str]
    character_sets: list[str]
    security: SecurityDoc


class ServiceDoc(msgspec.Struct, frozen=True, kw_only=True):
    """A service of the network. Without `sop_classes` it is every Storage SOP Class."""

    name: str
    role: str
    sop_classes: list[str]
    transfer_syntaxes: list[str]


class StatusDoc(msgspec.Struct, frozen=True, kw_only=True):
    """A status of C-STORE. `done` is what is done on it, "" where we give it."""

    status: str
    meaning: str
    done: str


class DestinationDoc(msgspec.Struct, frozen=True, kw_only=True):
    """A destination of the configuration."""

    name: str
    address: str
    settings: dict[str, str]


class NetworkDoc(msgspec.Struct, frozen=True, kw_only=True):
    """The network part."""

    application_context: str
    calling_ae: str
    services: list[ServiceDoc]
    most_contexts: int
    longest_pdu_as_scu: int
    longest_pdu_as_scp: int
    window_as_scu: int
    window_as_scp: int
    storage_level_as_scu: str
    storage_level_as_scp: str
    identities_as_scu: list[str]
    identities_as_scp: list[str]
    statuses_heard: list[StatusDoc]
    statuses_given: list[StatusDoc]
    schemes: list[str]
    destinations: list[DestinationDoc]


class ConformanceDoc(msgspec.Struct, frozen=True, kw_only=True):
    """The whole statement."""

    product: str
    version: str
    media: MediaDoc
    network: NetworkDoc
    sop_classes: list[SopClassDoc]
    transfer_syntaxes: list[SyntaxDoc]
    schema: Literal["mediakit/conformance/1"] = "mediakit/conformance/1"


def conformance_doc(catalogue: Catalogue, destinations: Iterable[Named] = ()) -> ConformanceDoc:
    """Return what is claimed, with the profiles and destinations that are configured."""
    profiles = list(catalogue.profiles.values())
    return ConformanceDoc(
        product="mediakit",
        version=__version__,
        media=_media(profiles),
        network=_network(destinations),
        sop_classes=[
            SopClassDoc(
                uid=one.uid,
                name=one.name,
                is_retired=one.retired,
                record_type=RECORD_TYPE_OF.get(one.uid, ""),
            )
            for one in STORAGE.values()
        ],
        transfer_syntaxes=[
            SyntaxDoc(
                uid=one.uid,
                name=one.name,
                is_for_media=one.uid not in NETWORK_ONLY,
                decodes=one.can_decode,
                encodes=one.can_encode,
            )
            for one in SYNTAXES.values()
        ],
    )


def conformance_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return msgspec.json.schema(ConformanceDoc)


def formats_for(profile: Profile) -> tuple[str, ...]:
    """Return the media formats, folders aside, in which a medium of the profile is written."""
    return tuple(name for name in SINKS if name != _FOLDER and suits(name, profile.medium))


def roles_of(profile: Profile) -> tuple[Role, ...]:
    """Return the roles that are claimed: those of the profile for which there is a writer or a reader."""
    formats = formats_for(profile)
    is_read = all(name.partition("-")[0] in TREES for name in formats)
    has = {Role.FSC: bool(formats), Role.FSR: bool(formats) and is_read, Role.FSU: _is_updated(profile)}
    return tuple(role for role in Role if role in profile.roles and has[role])


def _is_updated(profile: Profile) -> bool:
    try:
        check_updater(profile, profile.id)
    except UsageError:
        return False
    return True


def _media(profiles: list[Profile]) -> MediaDoc:
    return MediaDoc(
        profiles=[_profile(one) for one in profiles],
        sop_rows=list(_sop_rows(profiles)),
        file_meta_version="00H 01H",
        implementation_class_uid=IMPLEMENTATION_CLASS_UID,
        implementation_version_name=IMPLEMENTATION_VERSION_NAME,
        record_types=sorted({"PATIENT", "STUDY", "SERIES", *RECORD_TYPE_OF.values()}),
        character_sets=list(defined_terms()),
        security=SecurityDoc(
            writes_cipher=algorithms.cipher_name(algorithms.AES_256_CBC),
            writes_digest=algorithms.DIGESTS[algorithms.SHA256],
            password_rounds=passwords.ROUNDS,
            reads_digests=list(algorithms.DIGESTS.values()),
        ),
    )


def _profile(profile: Profile) -> ProfileDoc:
    return ProfileDoc(
        id=profile.id,
        title=profile.title,
        kind=profile.kind.value,
        base=profile.base,
        source=profile.source,
        medium=profile.medium.title,
        annex=profile.medium.annex,
        is_secure=profile.is_secure,
        roles=[role.value for role in roles_of(profile)],
        formats=list(formats_for(profile)),
    )


def _sop_rows(profiles: Iterable[Profile]) -> Iterator[SopRowDoc]:
    """Yield every row once, with all profiles that have it, in the order of the profiles."""
    found: dict[tuple[object, ...], list[str]] = {}
    for profile in profiles:
        for rule in profile.sop:
            row: tuple[object, ...] = (
                rule.classes,
                rule.syntaxes,
                rule.photometric,
                rule.fsc.value,
                rule.fsr.value,
                rule.fsu.value,
            )
            ids = found.setdefault(row, [])
            if profile.id not in ids:
                ids.append(profile.id)
    for row, ids in found.items():
        yield msgspec.convert(
            {**dict(zip(SopRowDoc.__struct_fields__[1:], row, strict=True)), "profiles": ids}, SopRowDoc
        )


def _network(destinations: Iterable[Named]) -> NetworkDoc:
    return NetworkDoc(
        application_context=APPLICATION_CONTEXT,
        calling_ae=DEFAULT_CALLING_AE,
        services=list(_services()),
        most_contexts=MOST_CONTEXTS,
        longest_pdu_as_scu=OUR_LONGEST_PDU,
        longest_pdu_as_scp=MAXIMUM_PDU_BYTES,
        window_as_scu=DEFAULT_WINDOW,
        window_as_scp=WINDOW,
        storage_level_as_scu=level_words(SCU_ONLY),
        storage_level_as_scp=level_words(KEEPS_ALL),
        identities_as_scu=[kind_name(kind) for kind in IdentityKind],
        identities_as_scp=[kind_name(kind) for kind in (IdentityKind.USER_NAME, IdentityKind.PASSCODE)],
        statuses_heard=[
            StatusDoc(status=status, meaning=words, done=DONE_ON[kind])
            for status, kind, words in known_statuses()
        ],
        statuses_given=[
            StatusDoc(status=f"{status:04X}", meaning=meaning(status)[1], done="") for status in _GIVEN
        ],
        schemes=[scheme for schemes in KINDS.values() for scheme in schemes],
        destinations=[_destination(named) for named in destinations],
    )


def _services() -> Iterator[ServiceDoc]:
    messages = list(MESSAGE_SYNTAXES)
    yield ServiceDoc(
        name="Verification", role="SCU", sop_classes=[VERIFICATION], transfer_syntaxes=[FALLBACKS[-1]]
    )
    yield ServiceDoc(name="Storage", role="SCU", sop_classes=[], transfer_syntaxes=list(SYNTAXES))
    for model in FindModel:
        yield ServiceDoc(name=_FIND[model], role="SCU", sop_classes=[model.value], transfer_syntaxes=messages)
    yield ServiceDoc(
        name="Study Root Query/Retrieve - GET",
        role="SCU",
        sop_classes=[STUDY_ROOT_GET],
        transfer_syntaxes=[FALLBACKS[-1]],
    )
    yield ServiceDoc(
        name="Study Root Query/Retrieve - MOVE",
        role="SCU",
        sop_classes=[STUDY_ROOT_MOVE],
        transfer_syntaxes=messages,
    )
    for role in ("SCU", "SCP"):
        yield ServiceDoc(
            name="Storage Commitment Push Model",
            role=role,
            sop_classes=[STORAGE_COMMITMENT],
            transfer_syntaxes=messages,
        )
    yield ServiceDoc(name="Verification", role="SCP", sop_classes=[VERIFICATION], transfer_syntaxes=messages)
    yield ServiceDoc(name="Storage", role="SCP", sop_classes=[], transfer_syntaxes=list(SYNTAXES))
    yield ServiceDoc(
        name="Media Creation Management",
        role="SCP",
        sop_classes=[MEDIA_CREATION],
        transfer_syntaxes=messages,
    )


_FIND: Final[Mapping[FindModel, str]] = {
    FindModel.PATIENT_ROOT: "Patient Root Query/Retrieve - FIND",
    FindModel.STUDY_ROOT: "Study Root Query/Retrieve - FIND",
    FindModel.WORKLIST: "Modality Worklist - FIND",
}


def _destination(named: Named) -> DestinationDoc:
    settings = named.address.settings(named.options)
    return DestinationDoc(
        name=named.name, address=str(named.address), settings={key: str(value) for key, value in settings}
    )
