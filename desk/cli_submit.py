"""`desk submit`: an agency's file to intake."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from desk.console import fail, say
from desk.options import settings_with

if TYPE_CHECKING:
    from shared.settings import Settings
    from shared.texts import Language

_NEAR = ("localhost", "127.0.0.1", "::1")


class Kinds(StrEnum):
    report = "report"
    withdrawal = "withdrawal"
    incident = "incident"
    incident_status = "incident_status"
    logistics = "logistics"


class Languages(StrEnum):
    id = "id"
    en = "en"


def submit(
    file: Annotated[Path, typer.Argument(help="JSON lines (.ndjson, .jsonl) or a spreadsheet's CSV.")],
    to: Annotated[str | None, typer.Option(help="Intake's address (default: DESK_INTAKE_URL).")] = None,
    kind: Annotated[Kinds | None, typer.Option(help="Of all lines, if they do not say their own.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Have everything checked; nothing is taken.")] = False,
    key_file: Annotated[
        Path | None, typer.Option(help="A file with the agency's key, instead of DESK_AGENCY_KEY.")
    ] = None,
    lang: Annotated[Languages | None, typer.Option(help="Of messages and reasons; else that of the locale.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Do not go on with an interrupted run; start anew.")] = False,
    give_up_after: Annotated[float, typer.Option(min=0, help="Seconds without an answer to any line.")] = 900.0,
) -> None:
    """Send a file of reports, incidents or logistics, line by line answered.

    Run it again after an interruption, with the same file: it goes on where
    it stood. (FILE.progress, beside the file, remembers how far it came.)

    Lines without an id get one of the day and their content: sent twice on
    one day they count once, next week they count again.

    Refused lines go into another file with the reasons, those of
    laporan.csv into laporan.refused.csv: mend them there, and send that
    file as it is.

    The key comes from DESK_AGENCY_KEY, from the file DESK_AGENCY_KEY_FILE,
    or from --key-file; not from an argument, which everybody on this
    machine could see.

    Exit status: 0 all lines accepted; 1 some refused; 2 a setting, an
    option, the key or the whole file is wrong; 3 gave up, run it again;
    130 after Ctrl-C.
    """
    from desk.demo.interrupts import run_until_signal
    from desk.submit.call import Target
    from desk.submit.run import Errand, Misused
    from desk.submit.run import submit as run
    from shared.clock import real

    language = _language(lang)
    settings = settings_with()
    url = to or settings.intake_url
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise fail(f"--to: {url} is no address; for example https://intake.example.go.id", 2)
    target = Target(url, _key(settings, key_file, language), kind.value if kind else None, dry_run, language)
    if urlsplit(url).scheme == "http" and urlsplit(url).hostname not in _NEAR:
        say(_text("in_the_clear", language, url=url))
    try:
        status = run_until_signal(run(Errand(file, target, again, give_up_after), real().astimezone().date()))
    except Misused as error:
        raise fail(error, 2) from None
    raise typer.Exit(status)


def _key(settings: Settings, file: Path | None, language: Language) -> str:
    """Ends the command with status 2 if there is none."""
    if file is None:
        if settings.agency_key is None:
            raise fail(_text("no_key", language), 2)
        return settings.agency_key.get_secret_value().strip()
    try:
        key = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if not key or any(c.isspace() for c in key):
        raise fail(_text("key_file", language, path=file), 2)
    return key


def _language(chosen: Languages | None) -> Language:
    """English for whose terminal speaks it, else Indonesian. (`locale` takes C for American.)"""
    if chosen is not None:
        return chosen.value
    said = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "en" if said.startswith("en") else "id"


def _text(key: str, language: Language, **values: object) -> str:
    from shared.texts import text

    return text("submit", key, language, **values)
