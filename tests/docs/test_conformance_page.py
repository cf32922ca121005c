"""The conformance statement: it is fresh, and what it claims is what the program does."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import jsonschema
import pytest
from pynetdicom import AE
from pynetdicom.presentation import build_context

from mediakit.errors import UsageError
from mediakit.network.status import StatusKind
from mediakit.profile.load import load_catalogue
from mediakit.profile.model import Role
from mediakit.report.conformance_doc import DONE_ON, conformance_doc, conformance_schema
from mediakit.scp.creation_jobs import CreationJobs
from mediakit.scp.creation_service import CreationService
from mediakit.stages.judge.updatable import check_updater
from mediakit.stages.plan.target import format_of
from tests.support.cli import process
from tests.support.embedded_scp import embedded_scp

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
DOC = conformance_doc(load_catalogue())
_SUFFIXES = {"iso9660": ".iso", "fat": ".img", "zip": ".zip", "mime": ".eml"}


def test_the_conformance_statement_is_fresh() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_conformance.py"))["page"]()
    assert PAGE.read_text(encoding="utf-8") == made, "run `make docs`"


def test_the_document_obeys_its_schema_and_every_form_has_the_same_claims(tmp_path: Path) -> None:
    said = process("conformance", "--json", cwd=tmp_path)
    document = json.loads(said.out)
    jsonschema.validate(document, conformance_schema())
    names = ["statement.md", "statement.html", "statement.json"]
    for name in names:
        assert process("conformance", "-o", name, cwd=tmp_path).code == 0
    texts = [(tmp_path / name).read_text(encoding="utf-8") for name in names]
    assert texts[0] == PAGE.read_text(encoding="utf-8") == process("conformance", cwd=tmp_path).out
    assert json.loads(texts[2]) == document
    for profile in document["media"]["profiles"]:
        assert all(profile["id"] in text for text in texts)
    assert process("conformance", "-o", "statement.pdf", cwd=tmp_path).code == 2


def test_each_claimed_format_of_each_profile_can_be_planned_and_each_updater_is_one() -> None:
    profiles = load_catalogue().profiles
    assert len(DOC.media.profiles) == 82
    for claimed in DOC.media.profiles:
        profile = profiles[claimed.id]
        assert Role.FSC.value in claimed.roles
        for name in claimed.formats:
            out = Path(f"x{_SUFFIXES.get(name, '.udf')}")
            assert format_of(profile, out, name) == name
        if Role.FSU.value in claimed.roles:
            check_updater(profile, "x")
        elif Role.FSU in profile.roles:
            with pytest.raises(UsageError):
                check_updater(profile, "x")


def test_every_kind_of_status_has_its_consequence() -> None:
    assert DONE_ON.keys() == set(StatusKind)


def test_each_claimed_sop_class_and_transfer_syntax_is_accepted_by_the_scp(tmp_path: Path) -> None:
    syntaxes = [one.uid for one in DOC.transfer_syntaxes]
    claimed = [(one.uid, syntaxes[:1]) for one in DOC.sop_classes]
    claimed += [(DOC.sop_classes[3].uid, [one]) for one in syntaxes]
    for service in DOC.network.services:
        if service.role == "SCP" and service.sop_classes:
            claimed += [(uid, [one]) for uid in service.sop_classes for one in service.transfer_syntaxes]
    refused: list[tuple[str, list[str]]] = []
    creation = CreationService(CreationJobs(tmp_path / "jobs", keep_s=0))
    with embedded_scp(tmp_path / "in", creation=creation) as running:
        for start in range(0, len(claimed), DOC.network.most_contexts):
            some = claimed[start : start + DOC.network.most_contexts]
            caller = AE()
            contexts = [build_context(uid, own) for uid, own in some]
            association = caller.associate(*running.address, contexts=contexts)
            assert association.is_established
            taken = {(one.abstract_syntax, one.transfer_syntax[0]) for one in association.accepted_contexts}
            refused += [(uid, own) for uid, own in some if (uid, own[0]) not in taken]
            association.release()
    assert refused == []


def test_a_configuration_adds_its_destinations_and_its_own_profiles(tmp_path: Path) -> None:
    own = ROOT / "profiles" / "examples" / "example-aug-hospital.toml"
    (tmp_path / "config.toml").write_text(
        f"profiles = ['{own}']\n[destinations.pacs]\nurl = 'PACS@10.0.0.1:104'\ncalling-ae = 'WARD'\n"
    )
    said = process("conformance", "--config", "config.toml", cwd=tmp_path)
    assert said.code == 0, said.err
    assert "| pacs | PACS@10.0.0.1:104 | calling-ae = WARD |" in said.out
    assert "| AUG-HOSPITAL-CD | augmented | STD-CTMR-CD |" in said.out
