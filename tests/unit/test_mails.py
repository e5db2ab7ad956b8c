"""Mails: what they say, to whom, in which zone; and that nothing in them is taken for markup or a header."""

from __future__ import annotations

from services.notifier.notices.mails import mail_of
from shared.election.config import Level
from shared.election.roster import Region
from tests.builders import REGIONS, a_calendar, a_notice_payload, an_alert_shown, utc

JAKARTA = Region("31.71", "31", Level.REGENCY, "KOTA JAKARTA PUSAT", "Asia/Jakarta")
PROVINCE = Region("31", None, Level.PROVINCE, "DKI JAKARTA", "Asia/Jakarta")


def test_times_are_each_region_s_own() -> None:
    """An instant in the zone of the region that it is about, whatever zone the reader sits in."""
    calendar = a_calendar(*REGIONS, PROVINCE, JAKARTA)
    payload = a_notice_payload(an_alert_shown("64.72"), an_alert_shown("31.71"))
    mail = mail_of(payload, "msg_1", calendar)
    for body in (mail.plain, mail.html):
        assert "19-11-2024 02:00 WITA" in body
        assert "19-11-2024 01:00 WIB" in body


def test_indonesian_first() -> None:
    """Every label and text in both languages; the number by which a repeat is told is in both."""
    mail = mail_of(a_notice_payload(), "msg_1", a_calendar())
    for body in (mail.plain, mail.html):
        for indonesian, english in [
            ("Pemberitahuan dari", "A notice from"),
            ("Wilayah: ", "Region: "),
            ("berlangsung", "firing"),
            ("jangan dibalas", "do not reply"),
        ]:
            assert body.index(indonesian) < body.index(english)
        assert body.count("msg_1") == 2


def test_what_agencies_write_is_no_markup_and_no_header() -> None:
    """Tags are shown as they were typed; a line break makes no header."""
    text = {"id": "<script>alert(1)</script>\r\nBcc: x@y " + "panjang " * 100, "en": "<b>x</b> & y"}
    mail = mail_of(a_notice_payload(text=text), "msg_1", a_calendar())
    assert "<script>" not in mail.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in mail.html
    assert "&lt;b&gt;x&lt;/b&gt; &amp; y" in mail.html
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject
    assert len(mail.subject) <= 120


def test_what_concerns_the_system_itself() -> None:
    """It has no region: it is said to be about the desk itself, in the election's zone."""
    alert = an_alert_shown("system", id="cannot-evaluate:2024-11-18", rule="cannot-evaluate")
    mail = mail_of(a_notice_payload(alert, region="system", rule="cannot-evaluate"), "msg_1", a_calendar())
    assert "Wilayah: Desk Pilkada sendiri" in mail.plain
    assert "Region: Desk Pilkada itself" in mail.plain
    assert "WITA" in mail.plain


def test_a_resolved_one_and_one_that_is_known() -> None:
    """The state of each alert in words; a digest of many stays a mail of bounded length."""
    states = [
        an_alert_shown(state="resolved", resolved_at=utc("2024-11-19T00:00Z")),
        an_alert_shown(state="acknowledged"),
    ]
    plain = mail_of(a_notice_payload(*states), "msg_1", a_calendar()).plain
    assert "Kota Samarinda: selesai" in plain
    assert "Kota Samarinda: sudah diketahui" in plain
    many = mail_of(a_notice_payload(*[an_alert_shown()] * 600), "msg_1", a_calendar())
    assert many.plain.count("- Kota Samarinda") == 200
    assert len(many.html) < 100_000
