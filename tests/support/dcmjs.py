"""dcmjs-dimse on Node.js, a DICOM stack of its own, as a workstation that asks for media."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.support.peers import need, run

MODULES = Path(os.environ.get("MEDIAKIT_NODE_MODULES", "/var/cache/mediakit-node/node_modules"))

_SCRIPT = """
const { Client, Dataset, association, constants, requests } = require('dcmjs-dimse');
const [port, ...items] = process.argv.slice(1);
const MCM = '1.2.840.10008.5.1.1.33', uid = Dataset.generateDerivedUid(), said = {};
const send = (request) => new Promise((done, failed) => {
  request.on('response', (response) => done(response));
  const client = new Client();
  client.addRequest(request);
  client.on('networkError', failed);
  client.send('127.0.0.1', Number(port), 'NODE', 'MEDIAKIT');
});
(async () => {
  const create = new requests.NCreateRequest(MCM, uid);
  create.setDataset(new Dataset({ ReferencedSOPSequence: items.map((item) => {
    const [sopClass, instance] = item.split('/');
    return { ReferencedSOPClassUID: sopClass, ReferencedSOPInstanceUID: instance };
  }) }));
  said.create = (await send(create)).getStatus();
  const action = new requests.NActionRequest(MCM, uid, 1);
  action.setDataset(new Dataset({ NumberOfCopies: '1', RequestPriority: 'LOW' }));
  said.action = (await send(action)).getStatus();
  for (let i = 0; i < 300; i++) {
    const state = (await send(new requests.NGetRequest(MCM, uid, []))).getDataset();
    said.status = state.getElement('ExecutionStatus');
    if (said.status === 'DONE' || said.status === 'FAILURE') break;
    await new Promise((go) => setTimeout(go, 100));
  }
  console.log(JSON.stringify(said));
  process.exit(0);
})().catch((error) => { console.error(String(error)); process.exit(1); });
"""


def run_creation(port: int, items: list[tuple[str, str]]) -> dict[str, Any]:
    """Ask for a medium with these instances (SOP Class and Instance UID); return what was answered."""
    need("node")
    if not (MODULES / "dcmjs-dimse").is_dir():
        need("dcmjs-dimse")
    done = run(
        "node",
        "-e",
        _SCRIPT,
        "--",
        str(port),
        *("/".join(item) for item in items),
        env={"NODE_PATH": str(MODULES)},
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert answers, done.stderr
    said = json.loads(answers[-1])
    assert isinstance(said, dict)
    return said
