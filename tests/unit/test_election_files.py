"""The election file, the roster and the receivers file: a bad one is one line with file, key, problem and example."""

from __future__ import annotations

import re
import tracemalloc
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from desk.checking import describe
from services.notifier.routing.receivers import read_receivers
from services.notifier.rules import RULES
from shared.election.config import Election, Level
from shared.election.durations import format_duration, parse_duration, parse_time_of_day
from shared.election.files import read_election, read_roster, standard_categories
from shared.election.loaded import load_calendar
from shared.yaml_files import BadFile

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
# As in docs/election-file.md: the least that is needed, and what it leaves out has defaults.
MINIMAL = """\
election: kaltim-2024
zone: Asia/Makassar            # default; zones: {"64.72": Asia/Jakarta} overrides a region and all below it
stages:
  - {stage: campaign,     from: 2024-09-25, to: 2024-11-23}
  - {stage: quiet_period, from: 2024-11-24, to: 2024-11-26}
reports:
  - {level: regency, weekday: monday, due: "24:00", grace: 2h, from: 2024-09-30, until: 2024-12-16}
obligations_from: 2024-11-11   # nothing earlier is judged, so a first start raises no old alarms
"""
EXAMPLE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def one_line(refused: pytest.ExceptionInfo[BadFile]) -> str:
    """The refusal, which must be one line with an example."""
    line = str(refused.value)
    assert "\n" not in line
    assert "(for example `" in line
    assert len(line) < 600
    return line


def test_minimal_example_is_accepted(tmp_path: Path) -> None:
    """The documented minimal example, as it is, with the standard categories and defaults."""
    file = tmp_path / "e.yaml"
    file.write_text(MINIMAL)
    election = read_election(file)
    assert election.election == "kaltim-2024"
    assert election.reports[0].due == timedelta(hours=24)
    assert election.obligations_from == date(2024, 11, 11)
    assert (election.offline_allowance, election.clock_tolerance) == (timedelta(hours=72), timedelta(minutes=10))
    assert len(election.categories) == 16
    assert sum(c.violation for c in election.categories.values()) == 8
    assert len(election.logistics.items) == 12
    assert (election.violation_report_within, election.logistics.warn_from) == (timedelta(days=7), timedelta(days=7))
    assert election.repeated_text_weeks == 3


def test_a_category_is_changed_by_what_is_said_of_it(tmp_path: Path) -> None:
    """What is not said stays as it was: of a standard one, and in an amendment as it stood before that."""
    file = tmp_path / "e.yaml"
    file.write_text(
        f"""{MINIMAL}
categories:
  security: {{violation: true}}
  money_politics: {{legal_basis: null, hand_over: {{id: Polri, en: The police}}}}
amendments:
  - {{effective: 2024-11-20, categories: {{security: {{outage: true}}}}}}
  - {{effective: 2024-11-25, categories: {{security: {{violation: false}}, power_internet: {{outage: false}}}}}}
"""
    )
    election, standard = read_election(file), standard_categories()
    label = standard["security"]["label"]
    said = {"violation": True, "outage": False, "label": label, "legal_basis": None, "hand_over": None}
    assert election.categories["security"].model_dump() == said
    changed = election.categories["money_politics"]
    assert (changed.violation, changed.legal_basis, changed.hand_over.within) == (True, None, None)  # type: ignore[union-attr]
    first, second = (amendment.categories for amendment in election.amendments)
    assert first["security"].model_dump() == {**said, "outage": True}
    assert second["security"].model_dump() == {**said, "outage": True, "violation": False}
    assert second["power_internet"].label.en == standard["power_internet"]["label"]["en"]


@pytest.mark.parametrize(
    ("more", "example"),
    [
        ("categories: {boats: {violation: true}}", "label: {id: Keamanan, en: Security}"),
        (
            "amendments: [{effective: 2024-11-20, categories: {boats: {violation: true}}}]",
            "label: {id: Keamanan, en: Security}",
        ),
        ("logistics: {items: {boats: {}}}", "label: {id: Kotak suara, en: Ballot boxes}"),
    ],
)
def test_the_example_is_of_what_is_wrong(tmp_path: Path, more: str, example: str) -> None:
    """A new category's label by a category's, an item's by an item's."""
    file = tmp_path / "e.yaml"
    file.write_text(f"{MINIMAL}\n{more}\n")
    with pytest.raises(BadFile) as refused:
        read_election(file)
    assert f"boats.label: is missing (for example `{example}`)" in one_line(refused)


def test_the_check_says_by_when_incidents_are_handed_over() -> None:
    """A category's own time, and that of all other violations."""
    calendar = load_calendar(DEPLOY / "elections" / "kaltim-2024.yaml", None, None)
    lines = list(describe(calendar, read_receivers(None), None))
    assert "Handed over from receipt: money_politics within 1d, violations within 7d." in lines


@pytest.mark.parametrize("name", ["kaltim-2024", "nasional-2024"])
def test_our_own_elections_are_accepted(name: str) -> None:
    """The files we ship load with their rosters, and their desks owe reports."""
    calendar = load_calendar(DEPLOY / "elections" / f"{name}.yaml", None, None)
    owing = [r for r in calendar.roster if calendar.owed(r, date(2024, 11, 18))]
    assert len(owing) == {"kaltim-2024": 10, "nasional-2024": 508}[name]


def test_obligations_from_can_be_moved() -> None:
    """`desk up` with a clock judges from another day on, whatever the file says."""
    calendar = load_calendar(DEPLOY / "elections" / "kaltim-2024.yaml", None, date(2024, 12, 2))
    assert calendar.all_periods() == [date(2024, 12, 2), date(2024, 12, 9), date(2024, 12, 16)]


BAD_ELECTIONS = [
    # what stands in the minimal example, what stands there instead, the key, the problem
    ("election: kaltim-2024", "", "election:", "is missing"),
    ("election: kaltim-2024", "election: 2024", "election:", "put it in quotes"),
    ("election: kaltim-2024", "election: kaltim 2024", "election:", "not written as it must be"),
    ("election: kaltim-2024", "election: a\nelection: b", "line 2:", "'election' stands twice"),
    ("zone: Asia/Makassar", "zone: WITA", "zone:", "'WITA' is no time zone"),
    ("zone: Asia/Makassar", "zone: ../../etc/passwd", "zone:", "is no time zone"),
    ("zone: Asia/Makassar", "zone: ''", "zone:", "is no time zone"),
    ("zone: Asia/Makassar", "zonne: Asia/Makassar", "zone:", "is missing"),
    ("zone: Asia/Makassar", "zone: Asia/Makassar\nzonne: x", "zonne:", "the keys are election, title, zone"),
    ("zone: Asia/Makassar", "zone: Asia/Makassar\nzones: {64.72: Asia/Jakarta}", "zones.64.72:", "in quotes"),
    ("zone: Asia/Makassar", 'zone: Asia/Makassar\nzones: {"64.7": Asia/Jakarta}', "zones.64.7:", "not written as"),
    ("zone: Asia/Makassar", 'zone: Asia/Makassar\nzones: {"64.72": WIB}', "zones.64.72:", "no time zone"),
    ("stage: quiet_period", "stage: masa_tenang", "stages:", "holds no quiet_period"),
    ("to: 2024-11-26", "to: 2024-11-23", "stages.1:", "lies before `from`"),
    ("from: 2024-11-24", "from: 24-11-2024", "stages.1.from:", "is no date"),
    ("from: 2024-11-24", "from: 2024-11-31", "line 5:", "day is out of range"),
    ("from: 2024-11-24", "from: 20241124", "stages.1.from:", "is no date"),
    ("from: 2024-11-24", "from: 2024-11-24T08:00:00", "stages.1.from:", "is no date"),
    ("from: 2024-11-24", "fron: 2024-11-24", "stages.1.from:", "is missing"),
    ("weekday: monday", "weekday: senin", "reports.0.weekday:", "must be one of monday, tuesday,"),
    ("level: regency", "level: kabupaten", "reports.0.level:", "must be one of province, regency,"),
    ('due: "24:00"', "due: 24:00", "reports.0.due:", 'write "HH:MM" in quotes'),
    ('due: "24:00"', 'due: "24:01"', "reports.0.due:", "is no time of day"),
    ('due: "24:00"', 'due: "18:60"', "reports.0.due:", "is no time of day"),
    (
        "grace: 2h",
        "grace: 12s",
        "reports.0:",
        "must exceed the publish deadline (10s) and the allowed clock skew (2s)",
    ),
    ("grace: 2h", "grace: 7200", "reports.0.grace:", "is no duration"),
    ("grace: 2h", "grace: -2h", "reports.0.grace:", "is no duration"),
    ("grace: 2h", "grace: 2h, gracee: 2h", "reports.0.gracee:", "is no key we know"),
    ("until: 2024-12-16", "until: 2024-09-29", "reports.0:", "lies before `from`"),
    ("obligations_from: 2024-11-11", "obligations_from: soon", "obligations_from:", "is no date"),
    ("obligations_from: 2024-11-11", "offline_allowance: 3 days", "obligations_from:", "is missing"),
    ("election: kaltim-2024", "election: x\noffline_allowance: 3 days", "offline_allowance:", "is no duration"),
    ("election: kaltim-2024", "election: x\ncategories: [campaigning]", "categories:", "is no mapping"),
    ("election: kaltim-2024", "election: x\ncategories: {a b: {violation: true}}", "categories.a b", "label"),
    ("election: kaltim-2024", "election: x\ncategories: {a: {violation: maybe}}", "categories.a.violation", "true or"),
    ("election: kaltim-2024", "election: x\ncategories: {a: true}", "categories.a:", "must be a mapping"),
    (
        "election: kaltim-2024",
        "election: x\ncategories: {a: {violation: true, label: {id: A, en: A}, hand_over: {to: KPU}}}",
        "categories.a.hand_over.to",
        "must be a mapping",
    ),
    (
        "election: kaltim-2024",
        "election: x\ncategories: {a: {violation: true, label: {id: A, en: A}, hand_over: {within: 24h}}}",
        "categories.a.hand_over.to",
        "is missing",
    ),
    ("election: kaltim-2024", "election: x\nviolation_report_within: soon", "violation_report_within:", "no duration"),
    ("election: kaltim-2024", "election: x\nrepeated_text_weeks: 1", "repeated_text_weeks:", "must be at least 2"),
    ("election: kaltim-2024", "election: x\nlogistics: {warn_from: 7}", "logistics.warn_from:", "is no duration"),
    ("election: kaltim-2024", "election: x\nlogistics: [ink]", "logistics:", "is no mapping"),
    ("election: kaltim-2024", "election: x\nlogistics: {items: [ink]}", "logistics:", "is no mapping"),
    ("election: kaltim-2024", "election: x\nlogistics: {items: {ink: {}}}", "logistics.items.ink", "label"),
    ("election: kaltim-2024", "\ttab: 1", "line 1:", "cannot start any token"),
    ("election: kaltim-2024", "a: b: c", "line 1:", "mapping values are not allowed"),
    ("election: kaltim-2024", "a: !!python/object/apply:os.getcwd []", "line 1:", "could not determine a constructor"),
    ("election: kaltim-2024", '"two\\nlines": 1', "election:", "is missing"),
    ("obligations_from: 2024-11-11", 'obligations_from: 2024-11-11\n"two\\nlines": 1', "two lines:", "no key we know"),
]


@pytest.mark.parametrize(("there", "instead", "key", "problem"), BAD_ELECTIONS)
def test_bad_election_file(tmp_path: Path, there: str, instead: str, key: str, problem: str) -> None:
    """Each mistake is told by its file, its key and what is wrong with it."""
    file = tmp_path / "e.yaml"
    assert there in MINIMAL
    file.write_text(MINIMAL.replace(there, instead))
    with pytest.raises(BadFile) as refused:
        read_election(file)
    line = one_line(refused)
    if problem == "label":  # the first of two mistakes is told; either names the category
        assert line.startswith(f"{file}: {key}")
    else:
        assert line.startswith(f"{file}: {key} {problem}") or (line.startswith(f"{file}: {key}") and problem in line)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "holds no `key: value` lines"),
        (b"- a\n", "holds no `key: value` lines"),
        (b"\xff\xfe", "cannot be read: it is no UTF-8"),
        (None, "No such file"),
    ],
)
def test_file_that_is_none(tmp_path: Path, content: bytes | None, problem: str) -> None:
    """A missing, empty or unreadable file is named as well."""
    file = tmp_path / "e.yaml"
    if content is not None:
        file.write_bytes(content)
    for read in (read_election, read_receivers):
        with pytest.raises(BadFile) as refused:
            read(file)
        assert f"{file}: file: " in one_line(refused)
        assert problem in one_line(refused)


HEAD = "code,parent_code,level,name,zone\n64,,province,KALTIM,\n"


@pytest.mark.parametrize(
    ("content", "where", "problem"),
    [
        (HEAD + "64.72,64,city,SAMARINDA,\n", "line 3", "needs code, parent_code, level and name"),
        (HEAD + "64.72,64,regency,,\n", "line 3", "needs code, parent_code, level and name"),
        (HEAD + "64.72,64,district,SAMARINDA,\n", "line 3", "the code 64.72 is no code of a district"),
        (HEAD + "6472,64,regency,SAMARINDA,\n", "line 3", "the code 6472 is no code of a regency"),
        (HEAD + "6x.72,64,regency,SAMARINDA,\n", "line 3", "the code 6x.72 is no code"),
        (HEAD + "1.2.3.4.5.6,64,village,SAMARINDA,\n", "line 3", "the code 1.2.3.4.5.6 is no code"),
        (HEAD + "64.72,64,regency,SAMARINDA,WITA\n", "line 3", "'WITA' is no time zone"),
        (HEAD + "64.72,63,regency,SAMARINDA,\n", "line 3", "64.72 does not lie below 63"),
        (HEAD + "64.72,64.72,regency,SAMARINDA,\n", "line 3", "64.72 does not lie below 64.72"),
        (HEAD + "64.72.01,64.72,district,PALARAN,\n", "code", "names the parent 64.72, which is not in the roster"),
        (HEAD + "64.72,64,regency,A,\n64.72,64,regency,B,\n", "code", "64.72 stands twice"),
        (HEAD + "64.72,64,regency\n", "line 3", "needs code, parent_code, level and name"),
        (HEAD + "64.72,64,regency,SAMARINDA,,Asia/Jakarta\n", "line 3", "has 6 cells for 5 columns"),
        ("code,parent_code,level,name\n64,,province,KALIMANTAN, TIMUR\n", "line 2", "must be in quotes"),
        ("kode,nama\n64,KALTIM\n", "line 2", "needs code, parent_code, level and name"),
        ("code,level,name\n64,province,KALTIM\n", "line 2", "needs code, parent_code, level and name"),
        ("code,parent_code,level,name\n", "file", "names no region"),
        ("", "file", "names no region"),
    ],
)
def test_bad_roster(tmp_path: Path, content: str, where: str, problem: str) -> None:
    """A roster's mistake is told by its line."""
    file = tmp_path / "r.csv"
    file.write_text(content)
    with pytest.raises(BadFile) as refused:
        read_roster(file)
    line = one_line(refused)
    assert line.startswith(f"{file}: {where}: ")
    assert problem in line


def test_missing_roster_is_named(tmp_path: Path) -> None:
    """The roster that an election file names and that is not there is told by its path."""
    file = tmp_path / "e.yaml"
    file.write_text(MINIMAL + "roster: nowhere.csv\n")
    with pytest.raises(BadFile, match=r"nowhere\.csv: file: cannot be read: No such file or dir") as refused:
        load_calendar(file, None, None)
    one_line(refused)


def test_zone_of_a_region_that_is_not_there(tmp_path: Path) -> None:
    """An override for a region that the roster does not know is a typing error."""
    file = tmp_path / "e.yaml"
    file.write_text(MINIMAL + 'zones: {"64.99": Asia/Jakarta}\n')
    with pytest.raises(BadFile, match=r"zones\.64\.99: is no region of the roster") as refused:
        load_calendar(file, None, None)
    one_line(refused)


def test_item_for_a_region_that_is_not_there(tmp_path: Path) -> None:
    """An item that nobody would need, since no such region is known, is a typing error."""
    file = tmp_path / "e.yaml"
    file.write_text(MINIMAL + 'logistics: {items: {boats: {label: {id: a, en: b}, regions: ["64.99"]}}}\n')
    with pytest.raises(BadFile, match=r"logistics\.items\.boats\.regions\.64\.99: is no region of the roster"):
        load_calendar(file, None, None)


def test_roster_of_a_spreadsheet(tmp_path: Path) -> None:
    """A byte-order mark, CRLF and quotes, as spreadsheets write them, are no mistake."""
    file = tmp_path / "r.csv"
    file.write_bytes(
        b'\xef\xbb\xbfcode,parent_code,level,name,zone\r\n64,,province,"KALIMANTAN, TIMUR", Asia/Makassar\r\n'
    )
    (region,) = read_roster(file)
    assert (region.name, region.zone, region.parent) == ("KALIMANTAN, TIMUR", "Asia/Makassar", None)


@pytest.mark.parametrize("cells", ["", ",", ",,,"])
def test_empty_cells_at_a_row_s_end(tmp_path: Path, cells: str) -> None:
    """Spreadsheets write more of them than there are columns, or, Excel, fewer: a zone that is not there is none."""
    file = tmp_path / "r.csv"
    file.write_text(f"code,parent_code,level,name,zone\n64,,province,KALTIM{cells}\n")
    (region,) = read_roster(file)
    assert region.zone is None


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("\n\n64,,province,P\n64.99,,,X\n", "line 5: needs code"),
        ('64,,province,"P\nQ"\n64.99,,,X\n', "line 4: needs code"),
        ('64,,province,P\n64.72,64,regency,"R\n64.02,64,regency,S\n', "file: cannot be read: unexpected end of data"),
    ],
    ids=["empty lines", "a name of two lines", "a quote that nothing ends"],
)
def test_a_bad_line_of_a_roster_is_the_file_s(tmp_path: Path, rows: str, problem: str) -> None:
    """As an editor counts them; and no row is taken for a part of the name before it, or nobody would ask it for its
    reports."""
    file = tmp_path / "r.csv"
    file.write_text(f"code,parent_code,level,name\n{rows}")
    with pytest.raises(BadFile, match=re.escape(f"r.csv: {problem}")) as refused:
        read_roster(file)
    one_line(refused)


def test_a_nation_s_roster_is_read_row_by_row(tmp_path: Path) -> None:
    """Its rows at once, as dictionaries, are several times what is kept of it; and a parent's code is kept once."""
    file, villages = tmp_path / "r.csv", range(7_000)
    above = ["code,parent_code,level,name", "64,,province,P", "64.72,64,regency,R", "64.72.01,64.72,district,D"]
    file.write_text("\n".join([*above, *(f"64.72.01.{2001 + n},64.72.01,village,Desa {n}" for n in villages)]))
    tracemalloc.start()
    try:
        roster = read_roster(file)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1.5 * kept
    assert len({id(region.parent) for region in roster.at_level(Level.VILLAGE)}) == 1


CONSOLE = "{name: a, channel: console}"
ONE = f"receivers: [{CONSOLE}]"
CONSOLE_WITH = "receivers: [{name: a, channel: console, "
MEMBERS = "[{name: Budi, receivers: [a]}]"
TEAM = f"{{name: t, members: {MEMBERS}}}"
QUIET = "quiet_hours: {from: '22:00', to: '06:00'}"
LATER = "quiet_hours: {from: '23:00', to: '06:00'}"


@pytest.mark.parametrize(
    ("content", "key", "problem"),
    [
        ("max_notice_age: 7d", "receivers:", "is missing"),
        ("receivers: x", "receivers:", "must be a list"),
        ("receivers: [x]", "receivers.0:", "must be a mapping"),
        ("receivers: [{name: a}]", "receivers.0:", "names no `channel`"),
        (
            "receivers: [{name: a, channel: pigeon}]",
            "receivers.0:",
            "'pigeon' is no channel; there are console, webhook,",
        ),
        ("receivers: []", "receivers:", "is empty"),
        ("receivers: [{channel: console}]", "receivers.0.console.name:", "is missing"),
        ("receivers: [{name: a b, channel: console}]", "receivers.0.console.name:", "not written as it must be"),
        ("receivers: [{name: a, channel: console, url: x}]", "receivers.0.console.url:", "is no key we know"),
        (
            "receivers: [{name: a, channel: console, rules: [late]}]",
            "receivers.0.console.rules.0:",
            "'late' is no rule",
        ),
        ("receivers: [{name: a, channel: console, regions: [64.72]}]", "receivers.0.console.regions.0:", "in quotes"),
        ('receivers: [{name: a, channel: console, regions: ["6472"]}]', "receivers.0.console.regions.0:", "written"),
        (f"receivers: [{CONSOLE}, {CONSOLE}]", "receivers:", "two receivers are named a"),
        (f"receivers: [{CONSOLE}]\nmax_notice_age: 7", "max_notice_age:", "is no duration"),
        (f"receivers: [{CONSOLE}]\nmax_age: 7d", "max_age:", "the keys are receivers, teams, routes, inhibit"),
        ("receivers: [{name: a, channel: webhook, secret: x}]", "receivers.0.webhook.url:", "is missing"),
        (
            "receivers: [{name: a, channel: console, severities: [high]}]",
            "receivers.0.console.sev",
            "'high' is no sev",
        ),
        (f"{ONE}\nteams: [{{name: t, members: []}}]", "teams.0.members:", "is empty"),
        (f"{ONE}\nteams: [{{name: t}}]", "teams.0.members:", "is missing"),
        (f"{ONE}\nteams: [{{name: a, members: {MEMBERS}}}]", "teams:", "the name a stands for two"),
        (f"{ONE}\nteams: [{TEAM}, {TEAM}]", "teams:", "the name t stands for two"),
        (
            f"{ONE}\nteams: [{{name: t, members: [{{name: Budi, receivers: [b]}}]}}]",
            "teams:",
            "team t names 'b', which",
        ),
        (
            f"{ONE}\nteams: [{{name: t, members: {MEMBERS}, {QUIET}}}, {{name: u, members: {MEMBERS}, {LATER}}}]",
            "teams:",
            "a has the quiet hours of two teams",
        ),
        (
            f"{ONE}\nteams: [{{name: t, members: {MEMBERS}, quiet_hours: {{from: 22:00, to: '06:00'}}}}]",
            "teams.0.quiet_hours.from:",
            'write "HH:MM" in quotes',
        ),
        (
            f"{ONE}\nteams: [{{name: t, members: {MEMBERS}, quiet_hours: {{from: '00:00', to: '24:00'}}}}]",
            "teams.0.quiet_hours:",
            "would never end",
        ),
        (f"{ONE}\nroutes: [{{severities: [info]}}]", "routes.0.to:", "is missing"),
        (f"{ONE}\nroutes: [{{to: a}}]", "routes.0.to:", "must be a list"),
        (f"{ONE}\nroutes: [{{to: [a]}}, {{to: [b]}}]", "routes:", "route 2 names 'b', which is not in the file"),
        (f"{ONE}\nroutes: [{{to: [a], escalate: [{{after: 30m, to: [b]}}]}}]", "routes:", "route 1 names 'b'"),
        (
            f"{ONE}\nroutes: [{{to: [a], escalate: [{{after: 2h, to: [a]}}, {{after: 30m, to: [a]}}]}}]",
            "routes.0:",
            "must stand in order",
        ),
        (f"{ONE}\nroutes: [{{to: [a], repeat_every: 0s}}]", "routes.0.repeat_every:", "must lie between 1s and 7d"),
        (f"{ONE}\nroutes: [{{to: [a], rules: [late]}}]", "routes.0.rules.0:", "'late' is no rule"),
        (f"{ONE}\ninhibit: [{{by: late, mutes: [missing-report]}}]", "inhibit.0.by:", "'late' is no rule"),
        (f"{ONE}\ninhibit: [{{by: missing-report, mutes: [missing-report]}}]", "inhibit.0:", "would mute itself"),
        (
            f"{CONSOLE_WITH}concurrency: 17}}]",
            "receivers.0.console.concurrency:",
            "must be at most 16 (for example `conc",
        ),
        (f"{CONSOLE_WITH}concurrency: ten}}]", "receivers.0.console.concurrency:", "must be a whole number"),
        (f"{CONSOLE_WITH}retry_for: 1s}}]", "receivers.0.console.retry_for:", "must lie between 1m and 7d"),
        (
            "receivers: [{name: a, channel: alertmanager, url: https://x, resend_every: 5m}]",
            "receivers.0.alertmanager.resend_every:",
            "must lie between 1s and",
        ),
        (
            "receivers: [{name: a, channel: email, host: x, from: a@x, to: [b@x], tls: ssl}]",
            "receivers.0.email.tls:",
            "must be one of starttls, implicit, none (for example `tls: starttls`)",
        ),
        (
            "receivers: [{name: a, channel: email, host: x, from: a@x, to: b@x}]",
            "receivers.0.email.to:",
            "must be a list (for example `receivers: [{name: kpu, channel: email,",
        ),
        (
            f"{ONE}\nroutes: [{{to: [a], regions: [Samarinda]}}]",
            "routes.0.regions.0:",
            'written as it must be (for example `regions: ["64", "64.72"]`)',
        ),
        (f"{ONE}\ndigest_wait: 2h", "digest_wait:", "must lie between 0s and 1h"),
        (
            "receivers: [{name: a, channel: webhook, url: ftp://x/token, secret: x}]",
            "receivers.0.webhook.url",
            "written",
        ),
        ("receivers: [{name: a, channel: webhook, url: https://x}]", "receivers.0.webhook:", "one of `secret` and"),
        (
            "receivers: [{name: a, channel: webhook, url: https://x, secret: x, secret_file: y}]",
            "receivers.0.webhook:",
            "one of `secret` and",
        ),
        ("receivers: [{name: a, channel: webhook, url: https://x, secret: '***'}]", "receivers.secret:", "no base64"),
        ("receivers: [{name: a, channel: webhook, url: https://x, secret: ''}]", "receivers.secret:", "of 0 bytes"),
        (
            "receivers: [{name: a, channel: webhook, url: https://x, secret: whsec_changeme}]",
            "receivers.secret:",
            "a: the secret is of 6 bytes; 24 are needed",
        ),
        (
            "receivers: [{name: a, channel: webhook, url: https://x, secret_file: /nowhere/s}]",
            "receivers.secret:",
            "cannot be read (No such file",
        ),
    ],
)
def test_bad_receivers_file(tmp_path: Path, content: str, key: str, problem: str) -> None:
    """The receivers file is checked the same way, secrets included."""
    file = tmp_path / "receivers.yaml"
    file.write_text(content)
    with pytest.raises(BadFile) as refused:
        read_receivers(file)
    line = one_line(refused)
    assert line.startswith(f"{file}: {key}")
    assert problem in line


@pytest.mark.parametrize(
    "content",
    [
        f"receivers: [{{name: a, channel: webhook, url: https://x, secret: {EXAMPLE[:-9]}geheim: x}}]",
        f"receivers:\n  - secret: {EXAMPLE[:-9]}geheim: x\n",
        f"receivers: [{{name: a, channel: webhook, url: https://x/geheim y, secret: {EXAMPLE}}}]",
        "receivers: [{name: a, channel: webhook, url: https://x, secret: 'whsec_geheim!'}]",
    ],
)
def test_errors_leak_no_secret(tmp_path: Path, content: str) -> None:
    """What is wrong around a secret is told without the secret: the line goes into logs."""
    file = tmp_path / "receivers.yaml"
    file.write_text(content)
    with pytest.raises(BadFile) as refused:
        read_receivers(file)
    assert "geheim" not in one_line(refused)


def test_good_receivers(tmp_path: Path) -> None:
    """Defaults are all rules and regions; a secret may stand in a file of its own; no file is the console alone."""
    (tmp_path / "secret").write_text(EXAMPLE + "\n")
    file = tmp_path / "receivers.yaml"
    file.write_text(
        f"receivers:\n  - {{name: hook, channel: webhook, url: https://x/y, secret_file: {tmp_path}/secret}}\n"
        f"  - {CONSOLE}\nmax_notice_age: 2d\n"
    )
    found = read_receivers(file)
    hook, console = found.receivers
    assert hook.regions == console.regions == ("*",)
    assert hook.rules == RULES
    assert hook.channel == "webhook"
    assert hook.signing_secrets() == (EXAMPLE,)
    assert found.max_notice_age == timedelta(days=2)
    assert [r.name for r in read_receivers(None).receivers] == ["console"]


@pytest.mark.parametrize(
    ("text", "length"),
    [("2h", 7200), ("72h", 259_200), ("10m", 600), ("7d", 604_800), ("13s", 13), (" 2h ", 7200), ("0s", 0)],
)
def test_durations(text: str, length: int) -> None:
    """Durations are a number and a unit, and are written back as something of the same length."""
    assert parse_duration(text) == timedelta(seconds=length)
    assert parse_duration(format_duration(timedelta(seconds=length))) == timedelta(seconds=length)


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "2.5h", "1h30m", "-1h", "1w", "1234567s", None, 2, "２h2"])
def test_no_durations(text: object) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="for example 2h or 72h"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "minutes"), [("00:00", 0), ("18:00", 1080), ("23:59", 1439), ("24:00", 1440)])
def test_times_of_day(text: str, minutes: int) -> None:
    """Times of day run from 00:00 to 24:00."""
    assert parse_time_of_day(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "24:01", "25:00", "18:60", "6:00", "18.00", "18", 1440, None, "18:00:00"])
def test_no_times_of_day(text: object) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match=r'for example "24:00"'):
        parse_time_of_day(text)


PAGE = (DEPLOY.parent / "docs" / "election-file.md").read_text(encoding="utf-8")


def test_the_pages_examples_are_accepted(tmp_path: Path) -> None:
    """Each example of docs/election-file.md, put over the smallest file, loads."""
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 6
    for example in examples:
        file = tmp_path / "e.yaml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(MINIMAL), **yaml.safe_load(example)}))
        assert load_calendar(file, None, None).all_periods()


def test_the_page_tells_of_every_key() -> None:
    """Each has a row."""
    told = set(re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE))
    assert {field.alias or name for name, field in Election.model_fields.items()} - told == set()


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"amendments": [{"effective": date(2024, 12, 1)}, {"effective": date(2024, 11, 1)}]}, "amendments"),
        ({"amendments": [{"effective": date(2024, 12, 1)}] * 2}, "amendments"),
        ({"amendments": [{"effective": date(2024, 12, 1), "zone": "Asia/Jakarta"}]}, "amendments.0.zone"),
        ({"amendments": [{"offline_allowance": "48h"}]}, "amendments.0.effective"),
        (
            {
                "stages": [
                    {"stage": "quiet_period", "from": date(2024, 11, 24), "to": date(2024, 11, 26), "regions": []}
                ]
            },
            "stages.0.regions",
        ),
        (
            {
                "reports": [
                    {"level": "regency", "from": date(2024, 11, 11), "until": date(2024, 12, 16), "regions": ["99.01"]}
                ]
            },
            "reports.regions.99.01",
        ),
    ],
)
def test_bad_amendments_and_regions_are_one_line(tmp_path: Path, changed: dict[str, Any], key: str) -> None:
    """Out of order, twice on a day, of something that cannot be amended, without a day; regions of no roster."""
    file = tmp_path / "e.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(MINIMAL), **changed}))
    with pytest.raises(BadFile) as refused:
        load_calendar(file, None, None)
    assert key in one_line(refused)
