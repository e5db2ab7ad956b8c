"""The form for people, in this process: what a browser without JavaScript gets to see, and what reaches Kafka."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intake.door.turnstile import Turnstile
from services.intake.pages.forms import CONTROLS, FORMS, Form
from shared.access.keys import Grant, Kind, Role
from shared.events.envelope import Envelope
from shared.events.incident import IncidentEvent
from shared.events.report import ReportEvent
from shared.events.withdrawal import WithdrawalEvent
from shared.http.pages.visitor import KEY_KEPT_S
from shared.kafka.producer import PublishFailed
from tests.service.intake.browsing import HOST, Browser, Page, query
from tests.service.intake.conftest import Intake

REPORT = {"condition": "normal", "summary": "Aman dan terkendali."}
INCIDENT = {
    "category": "money_politics",
    "occurred_at": "2024-11-18T09:15",
    "description": "Amplop dibagikan.",
    "region": "64.72.01",
}
BOTH = frozenset({Kind.REPORTS.value, Kind.INCIDENTS.value})


@pytest.fixture
async def clerk(intake: Intake) -> Browser:
    """Signed in as the desk of Samarinda."""
    browser = Browser(intake.app)
    assert (await browser.sign_in("samarinda")).path == "/"
    return browser


def only_event(intake: Intake) -> Envelope:
    (event,) = intake.kafka.events()
    return event


# Signing in and out


@pytest.mark.parametrize(
    ("headers", "cookie", "is_secure"),
    [
        ({}, "desk-key", False),
        ({"x-forwarded-proto": "https"}, "__Host-desk-key", True),
        ({"x-forwarded-proto": "HTTPS, http"}, "__Host-desk-key", True),
        ({"x-forwarded-proto": "http"}, "desk-key", False),
    ],
)
async def test_the_key_is_kept_in_a_cookie_that_no_script_and_no_other_site_can_use(
    intake: Intake, headers: dict[str, str], cookie: str, is_secure: bool
) -> None:
    """httpOnly, SameSite=Strict, for the whole host; Secure as soon as the browser speaks https."""
    browser = Browser(intake.app, **headers)
    browser.client.follow_redirects = False
    answer = await browser.client.post("/sign-in", data={"key": " samarinda\n"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    value, *attributes = answer.headers["set-cookie"].lower().split("; ")
    assert value == f"{cookie.lower()}=samarinda"
    expected = {"httponly", "samesite=strict", "path=/", f"max-age={KEY_KEPT_S}"}
    assert set(attributes) == expected | ({"secure"} if is_secure else set())


@pytest.mark.parametrize(
    ("key", "status", "words"),
    [
        ("wrong", 401, "Kunci tidak dikenal"),
        ("revoked", 401, "Kunci tidak dikenal"),
        ("", 401, "Kunci tidak dikenal"),
        ("k" * 5_000, 401, "Kunci tidak dikenal"),
        ("kunçi", 401, "Kunci tidak dikenal"),
        ("person", 403, "kunci perorangan"),
    ],
)
async def test_a_key_that_cannot_send_leads_back_to_the_sign_in_page(
    intake: Intake, key: str, status: int, words: str
) -> None:
    """With words of why, and without a cookie."""
    intake.keys.give("person", Grant("operator", role=Role.OPERATOR))
    browser = Browser(intake.app)
    page = await browser.sign_in(key)
    assert (page.status, browser.cookies()) == (status, {})
    assert words in page.html
    assert "/sign-in" in page.forms
    assert not key or key not in page.html


async def test_a_key_that_cannot_be_checked_is_not_called_wrong(intake: Intake) -> None:
    """MongoDB is away and the key was never seen: try again, 503."""
    intake.keys.is_away = True
    browser = Browser(intake.app)
    page = await browser.sign_in("samarinda")
    assert (page.status, page.headers["retry-after"], browser.cookies()) == (503, "5", {})
    assert "Kunci belum dapat diperiksa" in page.html
    browser.client.cookies.set("desk-key", "samarinda", HOST)
    assert [(await browser.get(path)).status for path in ("/", "/report")] == [503, 503]


async def test_a_key_that_ended_is_said_and_forgotten(intake: Intake, clerk: Browser) -> None:
    """Whoever was signed in and is not any more signs in again."""
    clerk.client.cookies.set("desk-key", "revoked", HOST)
    clerk.client.cookies.delete("desk-key", domain="desk.example")
    browser = Browser(intake.app)
    browser.client.cookies.set("desk-key", "revoked", HOST)
    page = await browser.get("/")
    assert page.status == 401
    assert "tidak berlaku lagi" in page.html
    assert browser.cookies() == {}


async def test_a_persons_key_in_the_cookie_is_called_so(intake: Intake) -> None:
    """On every page that asks for a key; it has not ended."""
    intake.keys.give("person", Grant("siti", role=Role.ADMIN))
    browser = Browser(intake.app)
    browser.client.cookies.set("desk-key", "person", HOST)
    page = await browser.get("/")
    assert (page.status, "kunci perorangan" in page.html) == (403, True)
    assert (await browser.get("/report")).path == "/"
    assert (await browser.post("/report", REPORT)).forms["/sign-in"].fields["summary"] == REPORT["summary"]


async def test_sign_out_forgets_the_key(clerk: Browser) -> None:
    """The next one at this device starts at the sign-in page, whatever address they take."""
    page = await clerk.post("/sign-out", {})
    assert (page.path, clerk.cookies()) == ("/", {})
    for path in ("/", "/report", "/incident", "/sent?id=x"):
        assert "/sign-in" in (await clerk.get(path)).forms


async def test_home_says_who_i_am_and_offers_what_the_key_may(intake: Intake, clerk: Browser) -> None:
    """Only the forms of the key's kinds, by their links and by their addresses."""
    home = await clerk.get("/")
    assert "samarinda-desk" in home.html
    assert "Kota Samarinda" in home.html
    assert {"/report", "/incident"} <= set(home.links)
    bawaslu = Browser(intake.app)
    home = await bawaslu.sign_in("incidents-only")
    assert {"/report", "/incident"} & set(home.links) == {"/incident"}
    assert (await bawaslu.get("/report")).path == "/"
    intake.keys.give("logistics", Grant("l", "gudang", frozenset({"logistics"}), ("64",)))
    assert "tidak boleh mengirim laporan" in (await Browser(intake.app).sign_in("logistics")).html


# A report


async def test_a_report_reaches_kafka_and_the_receipt_can_be_loaded_again(intake: Intake, clerk: Browser) -> None:
    """Region and Monday are chosen already; what was typed is the event; loading the receipt again sends nothing."""
    form = await clerk.get("/report")
    assert form.forms["/report"].fields["region"] == "64.72"
    assert form.forms["/report"].fields["period"] == "2024-11-18"
    assert form.options["period"] == [
        *("2024-11-25", "2024-11-18", "2024-11-11", "2024-11-04", "2024-10-28", "2024-10-21"),
    ]
    sent = await clerk.submit(
        form, **REPORT, topics__logistics="Tiba.\r\nLengkap.", source_office=" Kelurahan Handil Bakti "
    )
    assert (sent.status, sent.path) == (200, "/sent")
    event = only_event(intake)
    assert isinstance(event, ReportEvent)
    assert (event.id, event.source) == (form.forms["/report"].fields["id"], "/agencies/samarinda-desk")
    assert event.data.model_dump(exclude_none=True) == {
        "period": date(2024, 11, 18),
        "condition": "normal",
        "summary": "Aman dan terkendali.",
        "topics": {"logistics": "Tiba.\nLengkap."},
        "source_office": "Kelurahan Handil Bakti",
    }
    for told in ("Laporan diterima", event.id, "Kota Samarinda", "Senin, 18 November 2024, 10.00 WITA"):
        assert told in sent.html
    assert (await clerk.get(str(sent.url))).html == sent.html
    assert len(intake.kafka.records) == 1


async def test_a_second_tap_is_no_second_report(intake: Intake, clerk: Browser) -> None:
    """The same id and the same content: sent already, and consumers skip what is in the log twice."""
    form = await clerk.get("/report")
    first = await clerk.submit(form, **REPORT)
    intake.clock.set("2024-11-18T11:00:00+08:00")
    second = await clerk.submit(form, **REPORT)
    assert "Tersimpan dan dihitung satu kali" in first.html
    assert "tidak dihitung dua kali" in second.html
    assert "10.00 WITA" in second.html  # when the first was accepted
    assert len({(e.identity, e.contenthash) for e in intake.kafka.events()}) == 1


async def test_the_form_keeps_its_id_over_reload_and_back(intake: Intake, clerk: Browser) -> None:
    """It stands in the address; once it was sent, the address leads to the receipt."""
    form = await clerk.get("/report")
    assert query(form)["id"] == form.forms["/report"].fields["id"]
    again = await clerk.get(str(form.url))
    assert again.forms["/report"].fields == form.forms["/report"].fields
    await clerk.submit(form, **REPORT)
    back = await clerk.get(str(form.url))
    assert back.path == "/sent"
    assert "tidak dihitung dua kali" in back.html
    assert len(intake.kafka.records) == 1
    assert query(await clerk.get("/report"))["id"] != query(form)["id"]


async def test_other_content_after_acceptance_is_offered_as_a_correction(intake: Intake, clerk: Browser) -> None:
    """409 keeps what was typed; the next tap sends it under a new id, replacing the accepted one."""
    form = await clerk.get("/report")
    await clerk.submit(form, **REPORT)
    page = await clerk.submit(form, condition="attention", summary="Listrik padam.")
    assert (page.status, len(intake.kafka.records)) == (409, 1)
    assert "Kirim sebagai koreksi" in page.html
    assert page.forms["/report"].fields["summary"] == "Listrik padam."
    corrected = await clerk.submit(page)
    first, second = intake.kafka.events()
    assert isinstance(second, ReportEvent)
    assert (corrected.path, second.data.replaces) == ("/sent", first.id)
    assert second.id not in (first.id, "")


async def test_a_receipt_leads_to_a_correction_and_a_withdrawal(intake: Intake, clerk: Browser) -> None:
    """Of that report, for its region and Monday; a withdrawal counts once as well, with another reason as another."""
    form = await clerk.get("/report")
    sent = await clerk.submit(form, **REPORT, period="2024-11-11", region="64.72.01")
    correct, withdraw = (link for link in sent.links if "?" in link and "lang" not in link)
    page = await clerk.get(correct)
    fields = page.forms["/report"].fields
    assert (fields["replaces"], fields["region"], fields["period"]) == (query(sent)["id"], "64.72.01", "2024-11-11")
    assert fields["id"] != fields["replaces"]
    page = await clerk.get(withdraw)
    assert "Palaran" in page.html
    assert "Senin, 11 November 2024" in page.html
    assert (await clerk.submit(page)).wrong() == {"reason": "Wajib diisi."}
    done = await clerk.submit(page, reason="Salah wilayah.")
    assert (done.path, "Laporan ditarik" in done.html) == ("/sent", True)
    assert "tidak dihitung dua kali" in (await clerk.submit(page, reason="Salah wilayah.")).html
    assert "satu kali" in (await clerk.submit(page, reason="Alasan lain.")).html
    event = intake.kafka.events()[1]
    assert isinstance(event, WithdrawalEvent)
    assert (event.data.report, event.subject, event.data.period) == (
        query(sent)["id"],
        "64.72.01",
        date(2024, 11, 11),
    )


async def test_a_correction_for_another_week_is_told_what_to_do(intake: Intake, clerk: Browser) -> None:
    """Beside the field; with its own week again it is taken."""
    sent = await clerk.submit(await clerk.get("/report"), **REPORT, period="2024-11-11", region="64.72.01")
    correct = next(link for link in sent.links if "replaces=" in link)
    page = await clerk.submit(await clerk.get(correct), **REPORT, period="2024-11-18")
    assert (page.status, list(page.wrong())) == (422, ["period"])
    assert all(words in page.wrong()["period"] for words in ("2024-11-11", "tarik laporan itu"))
    assert (await clerk.submit(page, period="2024-11-11")).path == "/sent"


async def test_a_withdrawal_names_no_week_that_nobody_chose(intake: Intake, clerk: Browser) -> None:
    """Where the address says none, the report's own is meant."""
    await intake.post(
        "/v1/reports", {**REPORT, "id": "r1", "region": "64.72", "period": "2024-11-11"}, key="samarinda"
    )
    page = await clerk.get("/withdraw?report=r1&region=64.72")
    assert "Hari pelaporan" not in page.html
    assert query(await clerk.submit(page, reason="Salah wilayah."))["period"] == "2024-11-11"


# An incident


async def test_an_incident_happened_in_the_regions_own_zone(intake: Intake, clerk: Browser) -> None:
    """Its local time is told with the region's offset; only the fields that were filled in are said."""
    form = await clerk.get("/incident")
    assert "WITA" in form.ids["occurred_at-hint"]
    assert form.options["category"][:2] == ["", "campaigning"]
    evidence = "https://example.org/foto.jpg"
    sent = await clerk.submit(form, **INCIDENT, severity="high", evidence__0__url=evidence)
    event = only_event(intake)
    assert isinstance(event, IncidentEvent)
    assert event.data.model_dump(mode="json", exclude_none=True) == {
        "category": "money_politics",
        "occurred_at": "2024-11-18T01:15:00Z",
        "description": "Amplop dibagikan.",
        "severity": "high",
        "evidence": [{"url": evidence}],
    }
    assert (sent.path, event.subject) == ("/sent", "64.72.01")
    assert "Palaran (Kota Samarinda)" in sent.html
    assert "Koreksi" not in sent.html


async def test_another_incident_under_the_same_form_gets_an_id_of_its_own(intake: Intake, clerk: Browser) -> None:
    """Nothing corrects an incident: other content is another one, if the clerk says so."""
    form = await clerk.get("/incident")
    await clerk.submit(form, **INCIDENT)
    page = await clerk.submit(form, **{**INCIDENT, "description": "Spanduk."})
    assert page.status == 409
    assert (await clerk.submit(page)).path == "/sent"
    first, second = intake.kafka.events()
    assert first.id != second.id


# What goes wrong


@pytest.mark.parametrize(
    ("path", "typed", "wrong"),
    [
        ("/report", {}, {"condition": "This is required.", "summary": "This is required."}),
        ("/report", {"summary": "  \r\n "}, {"condition": "This is required.", "summary": "This is required."}),
        ("/report", {**REPORT, "summary": "x" * 4_001}, {"summary": "Too long; 4000 characters at most."}),
        ("/report", {**REPORT, "condition": "fine"}, {"condition": "Choose one of them."}),
        ("/report", {**REPORT, "region": ""}, {"region": "This is required."}),
        ("/report", {**REPORT, "region": "64.99"}, {"region": "This region is unknown. Choose from the list."}),
        ("/report", {**REPORT, "period": "soon"}, {"period": "Choose from the list."}),
        (
            "/report",
            {**REPORT, "period": "2024-11-19"},
            {"period": "Cannot be accepted: must be a Monday; the nearest are 2024-11-18 and 2024-11-25."},
        ),
        (
            "/report",
            {**REPORT, "topics.security": "\u202e"},
            {"topics.security": "Contains a character that cannot be accepted (U+202E). Type that part again."},
        ),
        ("/report", {**REPORT, "source_office": "x" * 201}, {"source_office": "Too long; 200 characters at most."}),
        (
            "/incident",
            {"category": "nonsense"},
            {
                "category": "Choose from the list.",
                "occurred_at": "This is required.",
                "description": "This is required.",
            },
        ),
        (
            "/incident",
            {**INCIDENT, "occurred_at": "2024-11-18T10:11"},
            {"occurred_at": "This time has not come yet. Check date and hour."},
        ),
        (
            "/incident",
            {**INCIDENT, "occurred_at": "kemarin"},
            {"occurred_at": "Write date and time, for example 2024-11-25 21:30."},
        ),
        (
            "/incident",
            {**INCIDENT, "occurred_at": "2124-11-18T09:15"},
            {"occurred_at": "The year is absurdly far off."},
        ),
        (
            "/incident",
            {**INCIDENT, "evidence.0.url": "foto.jpg"},
            {"evidence.0.url": "Write the whole address, beginning with http:// or https://."},
        ),
    ],
)
async def test_errors_stand_beside_their_fields_and_nothing_typed_is_lost(
    intake: Intake, path: str, typed: dict[str, str], wrong: dict[str, str]
) -> None:
    """In the reader's language, tied to the inputs, told again in a summary that takes the focus."""
    browser = Browser(intake.app, "en")
    await browser.sign_in("samarinda")
    form = await browser.get(path)
    page = await browser.post(path, {**form.forms[path].fields, **typed})
    assert (page.status, page.wrong(), intake.kafka.records) == (422, wrong, [])
    kept = page.forms[path].fields
    for name, value in typed.items():
        offered = {"condition": ["normal", "attention", "critical"], **page.options}.get(name, [value])
        assert kept.get(name, "") == (value if value in offered else ""), name
    assert kept["id"] == form.forms[path].fields["id"]
    for name in wrong:
        assert f"{name}-wrong" in page.html
        assert f'href="#{name}"' in page.html
        if name != "condition":
            assert page.inputs[name]["aria-invalid"] == "true"
            assert f"{name}-wrong" in str(page.inputs[name]["aria-describedby"]).split()
    assert 'id="errors" tabindex="-1" autofocus' in page.html
    assert "<title>Error: " in page.html


async def test_a_region_outside_the_keys_scope_is_refused_beside_its_field(intake: Intake, clerk: Browser) -> None:
    """The list does not offer it; whoever sends it all the same is told."""
    form = await clerk.get("/report")
    assert "64.71" not in form.options["region"]
    page = await clerk.submit(form, **REPORT, region="64.71")
    assert (page.status, intake.kafka.records) == (403, [])
    assert page.wrong() == {"region": "Kunci Anda tidak boleh mengirim ini untuk wilayah ini."}
    page = await clerk.get("/report?region=64.71")
    assert "64.71" not in page.options["region"]


async def test_a_key_without_the_kind_cannot_send_it_by_hand(intake: Intake) -> None:
    """The page is not offered; the door refuses what comes all the same."""
    browser = Browser(intake.app)
    await browser.sign_in("incidents-only")
    typed = {**REPORT, "id": "r1", "region": "64.72", "period": "2024-11-18"}
    assert (await browser.post("/report", typed)).status == 403
    assert intake.kafka.records == []


async def test_after_a_503_the_same_id_is_sent_again(intake: Intake, clerk: Browser) -> None:
    """Kafka did not confirm: the filled form says so, and the retry is the same report."""
    form = await clerk.get("/report")
    intake.kafka.fails_with = PublishFailed("no confirmation within 8 s")
    page = await clerk.submit(form, **REPORT)
    assert (page.status, page.headers["retry-after"]) == (503, "5")
    assert "Belum dapat dipastikan tersimpan" in page.html
    assert "Kirim lagi" in page.html
    intake.kafka.fails_with = None
    sent = await clerk.submit(page)
    event = only_event(intake)
    assert (sent.path, event.id) == ("/sent", form.forms["/report"].fields["id"])
    assert isinstance(event, ReportEvent)
    assert event.data.summary == REPORT["summary"]


async def test_a_report_that_was_changed_after_a_503_is_a_correction(intake: Intake, clerk: Browser) -> None:
    """The first may have been stored, and would win under its id. Two taps are one correction; so is its retry."""
    form = await clerk.get("/report")
    intake.kafka.fails_with = PublishFailed("no confirmation within 8 s")
    page = await clerk.submit(form, **REPORT)
    again = await clerk.submit(page, summary="Listrik padam.")
    assert again.status == 503
    intake.kafka.fails_with = None
    for tap in (page, page, again):
        assert (await clerk.submit(tap, summary="Listrik padam.")).path == "/sent"
    (identity,) = {event.identity for event in intake.kafka.events()}
    event = intake.kafka.events()[0]
    assert isinstance(event, ReportEvent)
    assert identity == event.identity
    assert (event.data.replaces, event.data.summary) == (form.forms["/report"].fields["id"], "Listrik padam.")
    assert event.id not in (event.data.replaces, "")


async def test_a_rate_limit_keeps_the_form(intake: Intake) -> None:
    """429 says how long to wait; the API's allowance and the form's are one."""
    intake.keys.give("slow", Grant("slow", "slow-desk", BOTH, ("64.72",), events_per_minute=1))
    intake.clock.set("2024-11-14T10:00:00+08:00")  # far from any deadline's rush
    browser = Browser(intake.app)
    await browser.sign_in("slow")
    await browser.submit(await browser.get("/report"), **REPORT)
    form = await browser.get("/report")
    page = await browser.submit(form, **REPORT)
    assert (page.status, len(intake.kafka.records)) == (429, 1)
    assert f"Tunggu {page.headers['retry-after']} detik" in page.html
    assert page.forms["/report"].fields["id"] == form.forms["/report"].fields["id"]


async def test_a_form_waits_its_turn_as_the_api_does(
    intake: Intake, clerk: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks at a page or sends by the form waits in the agency's queue, as its programs do."""
    came: list[str] = []

    async def pass_through(_turnstile: Turnstile, who: str) -> None:
        came.append(who)

    monkeypatch.setattr(Turnstile, "pass_through", pass_through)
    form = await clerk.get("/report")
    assert (await clerk.submit(form, **REPORT)).path == "/sent"
    assert len(came) >= 3
    assert set(came) == {only_event(intake).agency}


async def test_a_key_that_ends_while_somebody_writes_costs_no_text(intake: Intake, clerk: Browser) -> None:
    """The sign-in page holds what was typed; after signing in it is back, under the same id, and can be sent."""
    form = await clerk.get("/report")
    clerk.client.cookies.clear()
    page = await clerk.submit(form, **REPORT)
    assert page.status == 401
    assert (await clerk.submit(page, key="wrong")).forms["/sign-in"].fields["summary"] == REPORT["summary"]
    back = await clerk.submit(page, key="samarinda")
    assert (back.status, intake.kafka.records) == (200, [])
    assert back.forms["/report"].fields == {**form.forms["/report"].fields, **REPORT}
    assert (await clerk.submit(back)).path == "/sent"
    assert only_event(intake).id == form.forms["/report"].fields["id"]


async def test_a_key_that_cannot_be_checked_costs_no_text_either(intake: Intake, clerk: Browser) -> None:
    """503 with a page that holds what was typed; "send again" sends it."""
    form = await clerk.get("/report")
    intake.keys.give("other", Grant("other", "samarinda-desk", BOTH, ("64.72",)))
    clerk.client.cookies.clear()
    clerk.client.cookies.set("desk-key", "other", HOST)
    intake.keys.is_away = True
    page = await clerk.submit(form, **REPORT)
    assert (page.status, page.headers["retry-after"]) == (503, "5")
    assert page.forms["/report"].fields["summary"] == REPORT["summary"]


# What people and machines type: nothing, nonsense, markup, halves of codes and times, very long, any Unicode.
TYPED = st.sampled_from(["", "64", "64.72", "64..", "\x00", "<b>", "2024-11-18", "0000-00-00T00:00", "9" * 5_000])
TYPED |= st.text(max_size=30)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(form=st.sampled_from(list(FORMS.values())), data=st.data())
async def test_whatever_is_typed_is_answered_with_a_page(intake: Intake, form: Form, data: st.DataObject) -> None:
    """Taken, or shown again: never a defect of ours, in any field of any form or address."""
    typed = data.draw(st.dictionaries(st.sampled_from([*form.fields, *CONTROLS]), TYPED))
    browser = Browser(intake.app)
    await browser.sign_in("everything")
    page = await browser.post(form.path, typed)
    assert page.status in (200, 400, 403, 409, 422)
    assert typed or page.status == 422
    own = {name: value for name, value in typed.items() if name in form.fields}
    assert (await browser.post("/sign-in", {**own, "key": "everything", "form": form.called})).status == 200
    address = await browser.get(f"{form.path}?{urlencode(typed)}")
    assert (address.status, address.path in (form.path, "/sent", "/")) == (200, True)


async def test_what_was_typed_is_shown_as_text(intake: Intake, clerk: Browser) -> None:
    """Markup in a field stays what somebody typed, in an attribute and in a text."""
    hostile = "</textarea><script>alert(1)</script>\"'>"
    form = await clerk.get("/report")
    page = await clerk.submit(form, summary=hostile, source_office=hostile)
    assert "<script" not in page.html
    assert page.forms["/report"].fields["summary"] == hostile
    assert page.forms["/report"].fields["source_office"] == hostile


# Regions


async def test_a_large_scope_is_narrowed_step_by_step_and_nothing_typed_is_lost(intake: Intake) -> None:
    """The whole province offers its districts; villages come after a tap, and another one leads back."""
    browser = Browser(intake.app)
    await browser.sign_in("everything")
    form = await browser.get("/report")
    assert {"64", "64.72", "64.72.01"} <= set(form.options["region"])
    assert form.forms["/report"].fields["region"] == ""
    below = await browser.submit(form, **REPORT, region="64.72", narrow="below")
    assert "64.72.01.1001" in below.options["region"]
    assert "64.71" not in below.options["region"]
    assert below.forms["/report"].fields.items() >= REPORT.items()
    back = await browser.submit(below, narrow="all")
    assert back.options["region"] == form.options["region"]
    assert intake.kafka.records == []
    await browser.submit(below, region="64.72.01.1001")
    assert only_event(intake).subject == "64.72.01.1001"


async def test_every_page_is_small(intake: Intake) -> None:
    """Below 30 KB, also the longest list of regions in the province; the style sheet below 10 KB."""
    browser = Browser(intake.app)
    await browser.sign_in("everything")
    pages = [await browser.get(path) for path in ("/", "/report", "/incident")]
    regencies = [region for region in pages[1].options["region"] if region.count(".") == 1]
    pages += [await browser.submit(pages[1], region=region, narrow="below") for region in regencies]
    assert len(pages) == 13
    assert max(len(page.html.encode()) for page in pages) < 30_000
    assert len((await browser.client.get("/form.css")).content) < 10_000


# Languages


async def test_indonesian_first_english_by_header_switch_and_cookie(intake: Intake) -> None:
    """The header decides until somebody switches; then the cookie does."""
    assert (await Browser(intake.app, "fr").get("/")).language == "id"
    assert (await Browser(intake.app, "en-GB").get("/")).language == "en"
    browser = Browser(intake.app)
    first = await browser.get("/")
    assert (first.language, first.headers["content-language"]) == ("id", "id")
    (switch,) = (link for link in first.links if "lang=" in link)
    english = await browser.get(switch)
    assert (english.language, "Sign in" in english.html) == ("en", True)
    assert (await browser.get("/")).language == "en"
    assert (await browser.get("/?lang=fr")).language == "en"
    assert (await browser.get("/?lang=id")).language == "id"


async def test_switching_in_a_form_keeps_what_was_typed_and_sends_nothing(intake: Intake, clerk: Browser) -> None:
    """The switch is a button of the form."""
    form = await clerk.get("/incident")
    page = await clerk.submit(form, **INCIDENT, lang="en")
    assert (page.status, page.language, intake.kafka.records) == (200, "en", [])
    assert page.forms["/incident"].fields.items() >= INCIDENT.items()
    assert (await clerk.get("/")).language == "en"


# Closed to others


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none", "origin": "null"}, 200),
        ({"origin": f"https://{HOST}"}, 200),  # a gateway ends TLS
        ({"origin": "https://desk.go.id", "x-forwarded-host": "desk.go.id"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": ""}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": f"http://{HOST}.evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://[bad"}, 403),
        ({"origin": ""}, 403),
    ],
)
async def test_posts_come_from_our_own_pages_alone(
    intake: Intake, clerk: Browser, headers: dict[str, str], status: int
) -> None:
    """A page of somebody else's cannot send in a clerk's name, sign somebody in or out."""
    form = await clerk.get("/report")
    page = await clerk.post("/report", {**form.forms["/report"].fields, **REPORT}, headers=headers)
    assert (page.status, len(intake.kafka.records)) == (status, int(status == 200))
    if status == 403:
        assert "tidak datang dari formulir kami" in page.html
        for path in ("/sign-in", "/sign-out"):
            assert (await clerk.post(path, {"key": "samarinda"}, headers=headers)).status == 403


async def test_a_post_that_says_nothing_of_its_origin_is_refused(intake: Intake) -> None:
    """Every browser that can post a form says where it comes from."""
    answer = await intake.call("POST", "/sign-in", [b"key=samarinda"], {"content-type": FORM_TYPE, "host": HOST})
    assert answer.status == 403


FORM_TYPE = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"key=samarinda", FORM_TYPE, 303),
        (b"key=samarinda", f"{FORM_TYPE}; charset=UTF-8", 303),
        (b"key=samarinda", "text/plain", 415),
        (b"key=samarinda", "multipart/form-data; boundary=x", 415),
        (b'{"key": "samarinda"}', "application/json", 415),
        (b"key=samarinda", f"{FORM_TYPE}; charset=utf-16", 415),
        (b"key=samarinda&other=1", FORM_TYPE, 400),
        (b"key=samarinda&key=samarinda", FORM_TYPE, 400),
        (b"key", FORM_TYPE, 400),
        (b"key=%ff%fe", FORM_TYPE, 400),
        (b"key=\xff", FORM_TYPE, 400),
        (b"key=%ed%a0%80", FORM_TYPE, 400),  # half a character
        (b"&".join(b"key=1" for _ in range(1_000)), FORM_TYPE, 400),
        (b"key=" + b"x" * 70_000, FORM_TYPE, 413),
    ],
)
async def test_only_small_forms_with_our_fields_are_read(
    intake: Intake, content: bytes, content_type: str, status: int
) -> None:
    """Everything else is a page that says so, not an exception."""
    headers = {"content-type": content_type, "host": HOST, "origin": f"http://{HOST}"}
    answer = await intake.call("POST", "/sign-in", [content], headers)
    assert answer.status == status
    assert status == 303 or b"<html" in answer.raw


async def test_every_page_keeps_to_itself_and_shows_no_key(intake: Intake) -> None:
    """Strict headers on each answer, and the key in none of them but its own cookie."""
    key = "desk_samarinda_" + "k" * 43
    intake.keys.give(key, Grant("samarinda", "samarinda-desk", BOTH, ("64.72",)))
    browser = Browser(intake.app)
    pages: list[Page] = [await browser.get("/"), await browser.sign_in("wrong"), await browser.sign_in(key)]
    form = await browser.get("/report")
    pages += [form, await browser.get("/incident"), await browser.submit(form), await browser.submit(form, **REPORT)]
    pages += [await browser.get(path) for path in ("/nowhere", "/sent?id=1", "/withdraw", "/withdraw?report=r1")]
    for page in pages:
        assert page.headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "same-origin"
        assert page.headers["cache-control"] == "no-store"
        assert key not in page.html + str(page.url)
        assert not {"<script", "style=", "onclick"} & set(page.html.split())
    assert {page.status for page in pages} == {200, 401, 404, 422}


async def test_a_receipt_cannot_be_forged(intake: Intake, clerk: Browser) -> None:
    """Its address is sealed with the sender's key: changed, or opened with another key, it is not found."""
    sent = await clerk.submit(await clerk.get("/report"), **REPORT)
    changed = str(sent.url).replace("64.72", "64.71")
    assert changed != str(sent.url)
    for address in (changed, f"{sent.url}x", "/sent", "/sent?seal=%F0%9F%98%80"):
        assert (await clerk.get(address)).status == 404
    other = Browser(intake.app)
    await other.sign_in("everything")
    assert (await other.get(str(sent.url))).status == 404


# Errors, documents, odds and ends


@pytest.mark.parametrize(
    ("method", "path", "accept", "status", "is_page"),
    [
        ("GET", "/nowhere", "text/html,*/*", 404, True),
        ("GET", "/nowhere", "application/json", 404, False),
        ("GET", "/nowhere", "", 404, False),
        ("GET", "/v1/nowhere", "text/html", 404, False),
        ("POST", "/nowhere", "text/html", 404, False),
        ("DELETE", "/report", "", 405, True),
        ("GET", "/v1/reports", "text/html", 405, False),
    ],
)
async def test_errors_are_pages_for_people_and_problems_for_programs(
    intake: Intake, method: str, path: str, accept: str, status: int, is_page: bool
) -> None:
    """The API's problem+json stays as it is."""
    answer = await intake.call(method, path, headers={"accept": accept})
    media_type = answer.headers["content-type"].partition(";")[0]
    assert (answer.status, media_type) == (status, "text/html" if is_page else "application/problem+json")


@pytest.mark.expect_errors("unexpected")
async def test_a_defect_of_ours_is_a_page_too(intake: Intake, clerk: Browser) -> None:
    """It is logged under the number that the page shows."""
    form = await clerk.get("/report")
    intake.kafka.fails_with = RuntimeError("a defect")
    page = await clerk.submit(form, **REPORT)
    assert (page.status, "Kesalahan di pihak kami" in page.html) == (500, True)
    assert "a defect" not in page.html


async def test_refusals_and_acceptances_are_counted_as_the_apis_are(intake: Intake, clerk: Browser) -> None:
    """One door, one count."""
    form = await clerk.get("/report")
    await clerk.submit(form)
    await clerk.submit(form, **REPORT)
    told = intake.metrics.render()[0].decode()
    assert 'desk_refused_total{agency="samarinda-desk",kind="report",reason="invalid"} 1.0' in told
    assert 'desk_accepted_total{agency="samarinda-desk",duplicate="false",kind="report"} 1.0' in told


async def test_pages_are_no_part_of_the_api_and_its_documents(intake: Intake) -> None:
    """OpenAPI lists calls for programs."""
    paths: dict[str, Any] = (await intake.call("GET", "/openapi.json")).body["paths"]
    assert "/v1/reports" in paths
    assert not {"/", "/sign-in", "/sign-out", "/sent", "/form.css", *(f.path for f in FORMS.values())} & paths.keys()


async def test_what_browsers_ask_for_by_themselves(intake: Intake) -> None:
    """No icon is no error; the style sheet is kept for a year, under an address that changes with it."""
    browser = Browser(intake.app)
    assert (await browser.client.get("/favicon.ico")).status_code == 204
    page = await browser.get("/")
    (address,) = (part for part in page.html.split('"') if part.startswith("/form.css"))
    style = await browser.client.get(address)
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in style.headers["cache-control"]
    for another in ("/form.css", "/form.css?v=0123456789ab"):  # of a replica that is newer or older than this one
        assert (await browser.client.get(another)).headers["cache-control"] == "no-store"
    assert (await browser.client.head("/")).status_code == 200
