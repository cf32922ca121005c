"""FAT volumes: partitions, clusters and hidden files, by the annex of PS3.12 that the profile's medium has.

Source: PS3.12 Annexes A, M, Q, R, S, T and U.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Rule, Severity
from mediakit.profile.model import Medium, Profile
from mediakit.rules.check import Check
from mediakit.rules.medium import HIDDEN, example_of
from mediakit.volume import FatVolume

NOT_FIRST = Rule(
    id="MK-MED-031",
    severity=Severity.ERROR,
    title="the File-set is in partition {number}, not in the first",
    ref="PS3.12",
    hint="readers look in the first partition only",
)
PARTITIONED = Rule(
    id="MK-MED-032",
    severity=Severity.ERROR,
    title="the medium is partitioned, and {medium} is not",
    ref="PS3.12",
    hint="readers of such media do not look for a partition table",
)
CLUSTERS = Rule(
    id="MK-MED-033",
    severity=Severity.ERROR,
    title="a cluster has {sectors} sectors of {sector_bytes} bytes; {medium} has {allowed}",
    ref="PS3.12",
    hint="it was formatted in another way than drives for such disks expect; most systems read it",
)


def check_fat(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report what PS3.12 Annexes A, R, S, T and U do not allow of a FAT volume."""
    volume = survey.volume
    if not isinstance(volume, FatVolume) or profile is None:
        return
    medium, ref = profile.medium, profile.medium.annex
    if volume.partition and not medium.partitioned:
        yield PARTITIONED.at(medium=medium.title, ref=ref)
    elif volume.partition > 1:
        yield NOT_FIRST.at(number=volume.partition, ref=ref)
    yield from _clusters(volume, medium)
    if volume.hidden:
        yield example_of(HIDDEN, volume.hidden, ref)


def _clusters(volume: FatVolume, medium: Medium) -> Iterator[Finding]:
    """Report sectors and clusters of other sizes than those of a magneto-optical disk (Annexes M and Q)."""
    sector_bytes, sectors = medium.sector_bytes, medium.cluster_sectors
    if not sectors:
        return
    if volume.sector_bytes != sector_bytes or volume.sectors_per_cluster not in sectors:
        yield CLUSTERS.at(
            sectors=volume.sectors_per_cluster,
            sector_bytes=volume.sector_bytes,
            medium=medium.title,
            allowed=f"{' or '.join(map(str, sectors))} of {sector_bytes} bytes",
            ref=medium.annex,
        )


CHECKS: Final = (Check(check_fat, (PARTITIONED, NOT_FIRST, CLUSTERS, HIDDEN)),)
