"""The README tells the truth where a machine can check it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.aggregator import changes as aggregator
from services.intake import store as intake
from services.notifier import changes as notifier
from services.notifier.delivery import delivery_store, receiver_store
from services.notifier.excuses import excuses
from services.notifier.holding import silences
from services.notifier.moments import moments
from services.notifier.rebuild import rebuilt
from services.notifier.telling import digests
from services.notifier.verdicts import judgements
from shared import mongo, settings
from shared.access import store as access
from shared.exactly_once import guard, journal

ROOT = Path(__file__).resolve().parent.parent.parent
ARCHITECTURE = ROOT / "docs" / "architecture.md"
MADE_UP = {"services/notifier/rules/disaster.py"}  # the example of docs/adding-a-rule.md
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_event_schema_is_in_the_changelog() -> None:
    """Whoever reads our topics is told of each type."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    modules = [path.read_text(encoding="utf-8") for path in (ROOT / "shared" / "events").glob("*.py")]
    types = {name for module in modules for name in re.findall(r'= "(desk\.[a-z-]+\.v\d+)"', module)}
    assert len(types) >= 7
    assert {name for name in types if f"`{name}`" not in changelog} == set()


def test_the_settings_table_is_the_settings() -> None:
    """The README's table is what `desk settings` prints."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert settings.as_table() in readme


def is_made(path: str) -> bool:
    """Whether a path is one of an example, or of what `deploy/make-secrets.sh` makes."""
    return path in MADE_UP or path.startswith("deploy/secrets/")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_named_in_a_document_exists(document: Path) -> None:
    """Links and paths in the documents lead somewhere."""
    content = document.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", content) if "://" not in link]
    named = re.findall(r"`((?:services|shared|deploy|docs|tests|desk)/[\w./-]+)`", content)
    missing = [link for link in links if not (document.parent / link).exists()]
    missing += [path for path in named if not (ROOT / path).exists() and not is_made(path)]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_test_named_in_a_document_exists(document: Path) -> None:
    """`file::test` is a test that is there."""
    named = re.findall(r"`(tests/[\w./-]+\.py)::(\w+)`", document.read_text(encoding="utf-8"))
    assert [(path, test) for path, test in named if not has_test(ROOT / path, test)] == []


def has_test(path: Path, name: str) -> bool:
    content = path.read_text(encoding="utf-8") if path.exists() else ""
    return re.search(rf"^(async )?def {name}\(", content, re.MULTILINE) is not None


def rows_after(heading: str) -> list[list[str]]:
    """The cells of the first table after a heading of docs/architecture.md."""
    section = ARCHITECTURE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    table = re.findall(r"^\| .*", section.partition("\n## ")[0], re.MULTILINE)
    return [re.split(r" (?<!\\)\| ", row.strip("| ")) for row in table[2:]]


def test_every_failure_names_the_test_that_proves_it() -> None:
    """A promise without a test is a hope."""
    rows = rows_after("What if it dies here?")
    assert len(rows) > 15
    assert [row[0] for row in rows if not re.search(r"`tests/\S+\.py::test_\w+`", row[2])] == []


def test_every_collection_is_in_the_table() -> None:
    """The table of collections is what the code writes to."""
    kept = (journal.COLLECTION, guard.COLLECTION)
    written = {
        mongo.ACCESS_DB: {access.COLLECTION},
        mongo.INTAKE_DB: {intake.COLLECTION},
        mongo.AGGREGATOR_DB: {*kept, *aggregator.COLLECTIONS},
        mongo.NOTIFIER_DB: {
            *kept,
            *notifier.COLLECTIONS,
            judgements.COLLECTION,
            excuses.COLLECTION,
            moments.COLLECTION,
            rebuilt.COLLECTION,
            delivery_store.DELIVERIES,
            digests.COLLECTION,
            receiver_store.RECEIVERS,
            silences.COLLECTION,
        },
    }
    rows = [[cell.strip("`") for cell in row[:2]] for row in rows_after("What is stored where")]
    assert sorted(rows) == sorted([database, name] for database, names in written.items() for name in names)
