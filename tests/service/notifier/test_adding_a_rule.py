"""docs/adding-a-rule.md, followed to the letter in a copy of the code: the rule is told."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = ROOT / "docs" / "adding-a-rule.md"
STEP = re.compile(r"^In `([^`]+)`(?:, in `(\w+)`)?:\n\n```\w+\n(.*?)```", re.MULTILINE | re.DOTALL)
FIRST_LINE = "from __future__ import annotations\n"

TELL = """
import asyncio, json, os
from services.notifier.changes import changes_of
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.holding.muting import Muting
from services.notifier.telling.planning import Planning
from services.notifier.routing.receivers import Receivers
from services.notifier.routing.routing import Routing
from services.notifier.holding.silence_store import SilenceStore
from services.notifier.store import Store
from shared import mongo
from shared.events.incident import Severity
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record
from tests.builders import a_calendar, an_incident, utc

async def main() -> None:
    client = mongo.connect(os.environ["TEST_MONGO"])
    store = Store(mongo.database(client, "test_adding_a_rule"))
    calendar, at = a_calendar(), utc("2024-11-20T02:00Z")
    for number, severity in enumerate(Severity):
        said = {"category": "natural_disaster", "severity": severity, "description": "Banjir."}
        incident = an_incident(at, event_id=f"i{number}", **said)
        position = Position("desk.incidents", 0, number)
        for change in changes_of(calendar)(Sighting(position, incident, Record(position, None, b""))):
            await store.update(change.collection, change.document_id, change.apply)
    receivers = Receivers.model_validate({"receivers": [{"name": "a", "channel": "console", "rules": ["disaster"]}]})
    async def now():
        return at
    muting = Muting(store, SilenceStore(store.database), calendar, Routing(receivers))
    await Planning(store, DeliveryStore(store.database), calendar, receivers, muting, now, lambda: None).step()
    found = [d async for d in store.database.deliveries.find()]
    await client.drop_database("test_adding_a_rule")
    print(json.dumps([[d["_id"], d["payload"]["data"]["text"]["en"]] for d in found]))

asyncio.run(main())
"""


def follow(steps: list[tuple[str, str, str]], copy: Path) -> None:
    """Do what each step says: a new file, rows of a table, an import, more texts."""
    for name, table, given in steps:
        path = copy / name
        content = path.read_text(encoding="utf-8") if path.exists() else ""
        if table:
            begin = re.search(rf"^{table}\b.*\(\n", content, re.MULTILINE)
            assert begin is not None, f"there is no table {table} in {name}"
            content = content[: begin.end()] + given + content[begin.end() :]
        elif content and path.suffix == ".py":
            content = content.replace(FIRST_LINE, FIRST_LINE + given, 1)
        else:
            content += given
        path.write_text(content, encoding="utf-8")


def test_three_steps_and_it_is_told(tmp_path: Path, mongo_url: str) -> None:
    """By the document's own steps, and nothing beside them."""
    steps = STEP.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert len(steps) == 6
    for part in ("services", "shared", "tests"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    follow(steps, tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "TEST_MONGO": mongo_url}
    done = subprocess.run(
        [sys.executable, "-c", TELL], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [
        ["disaster:bawaslu:i3#1|a", "DISASTER in Kota Samarinda: Banjir."]
    ]
