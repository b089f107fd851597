"""The generated map of ids: the same bytes each time, valid where it is used, and typed to the letter."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mypy import api

from reconciler.plan.change_set import AccountIdentity
from reconciler.plan.id_map import as_json, as_python, as_typescript, ids_by_address
from reconciler.plan.resource import Binding

COMPILER = Path(__file__).parents[1] / "node_modules" / "typescript" / "lib" / "tsc.js"
ACCOUNT = AccountIdentity("books", "simulated", "test", None)
# What no spec can be called, but what a map must survive: quotes, ends of lines and comments, other alphabets.
WICKED = {
    "Plan/pro:monthly": "pdt_1",
    'Plan/"quoted"\\': "pdt_2",
    "Plan/two\nlines */ // \u2028": "pdt_${3}`",
    "Plan/😀é": "pdt_😀",
}


def run_python(source: str) -> dict[str, str]:
    space: dict[str, Any] = {}
    exec(compile(source, "ids.py", "exec"), space)  # the module is what is tested
    return dict(space["IDS"])


def test_the_map_is_in_the_order_of_addresses_however_it_was_bound():
    one, two = Binding("Plan/a", "product", "pdt_1"), Binding("Meter/b", "gauge", "mtr_1")
    forwards = ids_by_address({"Plan/a": one, "Meter/b": two})
    backwards = ids_by_address(
        {"Meter/b": two, "Plan/a": one, "Plan/a:image": Binding("Plan/a:image", "image", "pdt_1/image")}
    )
    assert list(forwards) == ["Meter/b", "Plan/a"]
    for style in (as_json, as_typescript, as_python):
        assert style(forwards, ACCOUNT) == style(backwards, ACCOUNT)


@pytest.mark.parametrize("ids", [WICKED, {}])
def test_the_python_module_says_exactly_the_ids_and_cannot_be_changed(ids: dict[str, str]):
    source = as_python(ids, ACCOUNT)
    assert source.isascii()
    assert run_python(source) == ids


def test_the_python_module_lets_a_type_checker_find_a_wrong_address(tmp_path: Path):
    (tmp_path / "billing_ids.py").write_text(as_python(WICKED, ACCOUNT))
    use = (
        "from billing_ids import IDS\nIDS['Plan/pro:monthly']\nIDS['Plan/prp:monthly']\nIDS['Plan/pro:monthly'] = ''\n"
    )
    (tmp_path / "use.py").write_text(use)
    out, _, _ = api.run(["--strict", "--no-incremental", "--cache-dir", str(tmp_path), str(tmp_path / "use.py")])
    wrong = sorted({int(line.split(":")[1]) for line in out.splitlines() if ": error:" in line})
    assert wrong == [3, 4], out


@pytest.mark.parametrize("ids", [WICKED, {}])
def test_the_typescript_module_says_exactly_the_ids(tmp_path: Path, ids: dict[str, str]):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node, which runs it, is not on this machine")
    # Without its types a module of TypeScript is one of JavaScript, which any node runs.
    lines = as_typescript(ids, ACCOUNT).replace(" as const;", ";").splitlines()
    script = "\n".join(line for line in lines if not line.startswith("export type"))
    (tmp_path / "use.mjs").write_text(f"{script}\nconsole.log(JSON.stringify(ids));\n", encoding="utf-8")
    done = subprocess.run([node, "use.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ids


def test_the_typescript_module_lets_a_compiler_find_a_wrong_address(tmp_path: Path):
    node = shutil.which("node")
    if node is None or not COMPILER.exists():
        pytest.skip(f"{COMPILER} is not installed: `make test` installs it where there is npm")
    (tmp_path / "ids.ts").write_text(as_typescript(WICKED, ACCOUNT))
    right = 'import { ids, type Address, type Id } from "./ids";\nconst name: Address = "Plan/pro:monthly";\n'
    right += 'export const id: "pdt_1" = ids["Plan/pro:monthly"];\nexport const any: Id = ids[name];\n'
    (tmp_path / "right.ts").write_text(right)
    (tmp_path / "wrong.ts").write_text('import { ids } from "./ids";\nexport const id = ids["Plan/prp:monthly"];\n')
    options = "--noEmit --strict --target es2022 --lib es2022 --skipLibCheck --module esnext --moduleResolution bundler"
    line = [node, str(COMPILER), *options.split(), "right.ts", "wrong.ts"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert [told.split(":")[0] for told in done.stdout.splitlines() if "error" in told] == ["wrong.ts(2,23)"], (
        done.stdout
    )


def test_the_json_document_holds_the_ids_and_whose_they_are():
    document = json.loads(as_json(WICKED, ACCOUNT))
    assert document["ids"] == WICKED
    assert (document["account"], document["provider"], document["mode"]) == ("books", "simulated", "test")
