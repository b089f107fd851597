"""A peer in the same run: what octoDNS takes to plan as many records, unchanged. Run by the python that has it.

`python tests/bench/peer.py COUNT FOLDER` prints one JSON object. `cpu_s` is the plan itself: the imports are not in it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

ZONE = "example.com."
CONFIG = """\
providers:
  specs: {{class: octodns.provider.yaml.YamlProvider, directory: {folder}/specs, default_ttl: 300}}
  live: {{class: octodns.provider.yaml.YamlProvider, directory: {folder}/live, default_ttl: 300}}
zones:
  {zone}: {{sources: [specs], targets: [live]}}
"""


def measure(count: int, folder: Path) -> dict[str, float]:
    """Write the same zone on both sides, and plan: nothing is to be done."""
    records = [f"'r{number:06d}': {{type: A, value: 192.0.2.{number % 250 + 1}}}" for number in range(count)]
    for side in ("specs", "live"):
        (folder / side).mkdir(parents=True)
        (folder / side / f"{ZONE}yaml").write_text("---\n" + "\n".join(records) + "\n", encoding="utf-8")
    (folder / "config.yaml").write_text(CONFIG.format(folder=folder, zone=ZONE), encoding="utf-8")
    from octodns.manager import Manager

    began = time.process_time()
    changes = Manager(str(folder / "config.yaml")).sync(dry_run=True)
    return {"cpu_s": time.process_time() - began, "changes": changes, "records": count}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), Path(sys.argv[2]))))  # noqa: T201 - the answer of this process
