"""Reads the elections that an election file names beside its own (`also`): a re-vote, say. A bad one is one clear line
that names it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from shared.election.config import Election
from shared.election.files import EXAMPLES, election_of
from shared.election.several import AMENDABLE, ITS_OWN, everywhere
from shared.yaml_files import BadFile, read_yaml


def read_beside(path: Path, first: Election, roster: Path) -> list[tuple[Path, Election]]:
    """Each with its file. `path` is the file of the first election, `roster` that of its regions."""
    found: list[tuple[Path, Election]] = []
    for name in first.also:
        file = path.parent / name
        election = _read(file, path, first, roster)
        _refuse_doubles(file, election, [(path, first), *found])
        found.append((file, election))
    return found


def _read(file: Path, path: Path, first: Election, roster: Path) -> Election:
    content = read_yaml(file, EXAMPLES["election"])
    if content.get("also"):
        raise BadFile(file, "also", f"may stand in the first file alone, {path.name}", EXAMPLES["also"])
    election = election_of(file, {"zone": first.zone, **content})
    shared = Election.model_fields.keys() - ITS_OWN - {"also", "roster"}
    for key in sorted(shared & content.keys()):
        if getattr(election, key) != getattr(first, key):
            raise _belongs_to(file, key, path)
    if election.roster is not None and (file.parent / election.roster).resolve() != roster.resolve():
        raise _belongs_to(file, "roster", path)
    _refuse_what_holds_for_all(file, election, path)
    own = content.get("categories") or {}
    inherited = {key: getattr(first, key) for key in {*shared, "roster"}}
    return election.model_copy(
        update={**inherited, "categories": {slug: election.categories[slug] for slug in own}, "also": ()}
    )


def _refuse_what_holds_for_all(file: Path, election: Election, path: Path) -> None:
    for n, amendment in enumerate(election.amendments):
        for key in sorted(amendment.model_fields_set - AMENDABLE):
            raise _belongs_to(file, f"amendments.{n}.{key}", path)
    key_of_all = everywhere(election)
    if key_of_all is not None:
        problem = "holds for all regions; name those that this election is for, there or once for the whole file"
        raise BadFile(file, key_of_all, problem, EXAMPLES["regions"])


def _belongs_to(file: Path, key: str, path: Path) -> BadFile:
    problem = f"holds for all elections and is said by {path.name}; leave it out here, or say the same"
    return BadFile(file, key, problem, EXAMPLES.get(key, EXAMPLES["amendments"]))


def _refuse_doubles(file: Path, election: Election, others: Iterable[tuple[Path, Election]]) -> None:
    for path, other in others:
        if other.election == election.election:
            raise BadFile(
                file, "election", f"{election.election} is the slug of {path.name} too", "election: psu-2025"
            )
        for slug, category in election.categories.items():
            if other.categories.get(slug, category) != category:
                problem = f"means something else in {path.name}; take another slug"
                raise BadFile(file, f"categories.{slug}", problem, EXAMPLES["categories"])
