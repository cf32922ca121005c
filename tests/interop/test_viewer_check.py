"""The button "Check this disc" of the viewer: files against the manifest, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mediakit.choices import ForPeople, Viewer
from mediakit.fileset.manifest import for_page
from mediakit.secure.ed25519 import SigningKey, fingerprint
from mediakit.secure.given import read_signing_key
from tests.support.browser import Page
from tests.support.studies import CT_1, CT_2, burnt_to, folder_of

pytestmark = pytest.mark.interop

_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def signer(root: Path) -> SigningKey:
    pem = _PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return read_signing_key(folder_of(root, {"k.pem": pem}) / "k.pem")


def checked(tab: Page, disc: Path, before: str = "") -> str:
    """Open the page of a disc, choose the disc as its folder, and return what is said."""
    tab.open(disc / "VIEWER" / "VIEWER.HTM", "?lang=en")
    tab.until("window.viewer?.disc && !document.getElementById('check').hidden")
    tab.eval(before)
    tab.eval("document.getElementById('check').click()")
    assert tab.eval("document.getElementById('checkBox').innerText.includes('nothing leaves this computer')")
    root = tab.call("DOM.getDocument")["root"]["nodeId"]
    node = tab.call("DOM.querySelector", nodeId=root, selector="#folder")["nodeId"]
    tab.call("DOM.setFileInputFiles", nodeId=node, files=[str(disc)])
    tab.until("document.getElementById('checked').dataset.done")
    said: str = tab.eval("document.getElementById('checked').innerText")
    return said


def flip(path: Path, at: int = -100) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def forge(disc: Path) -> None:
    """Put a signature of nobody on the disc, in both places."""
    content = (disc / "MANIFEST.TXT").read_bytes()
    key = signer(disc.parent).public
    (disc / "MANIFEST.SIG").write_bytes(bytes(64))
    (disc / "VIEWER" / "MANIFEST.BIN").write_bytes(for_page(content, bytes(64), key))


def test_the_page_names_what_was_done_to_a_disc_and_sends_nothing(tab: Page, tmp_path: Path) -> None:
    key = signer(tmp_path)
    good = tmp_path / "good"
    burnt_to(good, CT_1, CT_2, signer=key, people=ForPeople(viewer=Viewer.PREVIEW))
    count = len((good / "MANIFEST.TXT").read_bytes().splitlines())
    fine = f"{count} of {count} files are as they were"
    less = f"{count - 1} of {count} files are as they were"
    fits = f"The signature fits the list. Key: {fingerprint(key.public)}"
    instance = "DICOM/P0000001/S0000001/E0000001/I0000001"
    changes: tuple[tuple[Callable[[Path], object], tuple[str, ...]], ...] = (
        (lambda _: None, (fine, fits, "does not tell who made it")),
        (lambda disc: flip(disc / instance), (less, f"{instance}: changed", fits)),
        (lambda disc: (disc / "SIGNED.TXT").unlink(), (less, "SIGNED.TXT: missing", fits)),
        (lambda disc: folder_of(disc, {"NEW.EXE": b"MZ"}), (fine, "NEW.EXE: added later", fits)),
        (lambda disc: flip(disc / "MANIFEST.SIG", 3), (fine, "MANIFEST.SIG: changed", fits)),
        (forge, (fine, "The signature does not fit")),
        (lambda disc: (disc / "MANIFEST.TXT").unlink(), ("This is not this disc",)),
    )
    wrong = []
    for number, (change, sentences) in enumerate(changes):
        disc = tmp_path / f"disc{number}"
        shutil.copytree(good, disc)
        change(disc)
        said = checked(tab, disc)
        wrong += [(number, one, said) for one in sentences if one not in said]
        if number == 0:
            wrong += [(number, one, said) for one in ("changed", "added") if one in said]
    assert wrong == []
    old = "crypto.subtle.importKey = () => Promise.reject(new DOMException('no', 'NotSupportedError'))"
    said = checked(tab, good, old)
    assert "the files were compared with the list only" in said
    assert fine in said
    assert [url for url in tab.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert tab.log == []


def test_a_disc_without_a_manifest_has_no_such_button_and_one_without_a_signature_says_so(
    tab: Page, tmp_path: Path
) -> None:
    burnt_to(tmp_path / "plain", CT_1, people=ForPeople(viewer=Viewer.PREVIEW))
    tab.open(tmp_path / "plain" / "VIEWER" / "VIEWER.HTM")
    tab.until("Boolean(window.viewer?.disc)")
    assert tab.eval("document.getElementById('check').hidden")
    burnt_to(tmp_path / "listed", CT_1, manifest=True, people=ForPeople(viewer=Viewer.PREVIEW))
    said = checked(tab, tmp_path / "listed")
    assert "files are as they were" in said
    assert "The disc is not signed" in said
