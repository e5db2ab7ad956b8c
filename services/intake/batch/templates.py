"""Spreadsheets to fill in, pure: a header line for each kind, as the batch takes it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from services.intake.batch.columns import COLUMNS, TOPIC
from services.intake.batch.lines import BOM
from services.intake.examples import EXAMPLES, IN_PATH

# An Indonesian or German Excel opens `;`, an American one `,`. Both need the byte order mark to see UTF-8.
SEPARATORS: Mapping[str, str] = {"semicolon": ";", "comma": ","}


def template(kind: str, separator: str, has_example: bool) -> bytes:
    """The file, with one line of an example or none: whoever does not look would send the example."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS[kind], delimiter=SEPARATORS[separator], lineterminator="\r\n")
    writer.writeheader()
    if has_example:
        writer.writerow(_example(kind))
    return BOM + out.getvalue().encode()


def _example(kind: str) -> dict[str, Any]:
    """The fullest example, its nested fields spread over the columns."""
    shown = max((example["value"] for example in EXAMPLES[kind].values()), key=len)
    fields = {"kind": kind, **shown, **IN_PATH.get(kind, {})}
    fields.update({TOPIC + section: text for section, text in fields.pop("topics", {}).items()})
    for name, value in next(iter(fields.pop("evidence", ())), {}).items():
        fields[f"evidence_{name}"] = value
    return fields
