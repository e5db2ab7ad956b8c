"""The import contracts check what modules say of themselves."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PURE = re.compile(r"\bPure(?: functions\b|\.)|, pure[,.]")


def pure_modules() -> tuple[str, ...]:
    """Those that may import nothing that does I/O; of a package everything in it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (pure,) = (c["source_modules"] for c in contracts if c["name"] == "Pure modules import nothing that does I/O")
    return tuple(pure)


def test_every_module_that_calls_itself_pure_is_held_to_it() -> None:
    """Whoever adds one adds it to the contract, too."""
    checked = pure_modules()
    unchecked, found = [], 0
    for part in ("desk", "services", "shared"):
        for path in sorted((ROOT / part).rglob("*.py")):
            if not PURE.search(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""):
                continue
            found += 1
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            if not any(module == one or module.startswith(f"{one}.") for one in checked):
                unchecked.append(module)
    assert unchecked == []
    assert found > 80
