"""An example or two of each kind of submission: for the OpenAPI document, the templates and the guide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Examples = Mapping[str, Any]  # name -> {summary, value}, as OpenAPI has them

_REPORT = {
    "normal": {
        "summary": "Nothing is wrong: the report is the region's current condition",
        "value": {
            "id": "samarinda-2024-11-18",
            "region": "64.72",
            "condition": "normal",
            "summary": "Situasi Kota Samarinda aman dan kondusif; persiapan pemungutan suara berjalan.",
        },
    },
    "attention": {
        "summary": "A full report of Mahakam Ulu, written offline",
        "value": {
            "id": "mahulu-2024-11-18",
            "region": "64.11",
            "condition": "attention",
            "summary": "Distribusi logistik ke hulu menunggu pasang air sungai.",
            "period": "2024-11-18",
            "submitted_at": "2024-11-18T20:15:00+08:00",
            "topics": {
                "logistics": "14 jenis logistik siap dikirim 23-25 November lewat sungai.",
                "security": "Personel pengamanan TPS sudah ditetapkan.",
            },
            "source_office": "Kecamatan Long Apari",
        },
    },
}
_INCIDENT = {
    "quiet_period": {
        "summary": "Campaign props left standing in the quiet period",
        "value": {
            "id": "apk-0017",
            "region": "64.72.01",
            "category": "campaign_props",
            "occurred_at": "2024-11-25T07:30:00+08:00",
            "description": "Baliho pasangan calon masih terpasang di tepi jalan.",
            "severity": "medium",
            "place": "Jalan Cipto Mangunkusumo, Loa Janan Ilir",
            "evidence": [{"url": "https://foto.example.go.id/apk-0017.jpg"}],
        },
    }
}
_WITHDRAWAL = {
    "wrong_region": {
        "summary": "Sent for the wrong region",
        "value": {
            "id": "samarinda-2024-11-18-withdrawn",
            "region": "64.72",
            "reason": "Laporan ini untuk Kota Balikpapan; salah pilih wilayah.",
        },
    },
    "with_period": {
        "summary": "With the Monday it was for: needed only where we do not know the report",
        "value": {
            "id": "samarinda-2024-11-18-withdrawn-again",
            "region": "64.72",
            "reason": "Laporan ini untuk Kota Balikpapan; salah pilih wilayah.",
            "period": "2024-11-18",
        },
    },
}
_INCIDENT_STATUS = {
    "forwarded": {
        "summary": "Verified, and handed over",
        "value": {
            "id": "apk-0017-forwarded",
            "region": "64.72.01",
            "status": "forwarded",
            "note": "Terbukti; baliho diturunkan bersama Satpol PP.",
            "forwarded_to": "KPU Kota Samarinda",
        },
    }
}
_LOGISTICS = {
    "partial": {
        "summary": "Ballot boxes of Mahakam Ulu, still on their way",
        "value": {
            "id": "mahulu-ballot-boxes-2024-11-24",
            "region": "64.11",
            "item": "ballot_boxes",
            "required": 296,
            "received": 180,
            "as_of": "2024-11-24T16:00:00+08:00",
        },
    }
}

PERIOD = "2024-11-18"  # the Monday that the examples of reports are for
# What a single call has in its path: the examples speak of one another.
IN_PATH: Mapping[str, Mapping[str, str]] = {
    "withdrawal": {"report": "samarinda-2024-11-18"},
    "incident_status": {"incident_agency": "samarinda-desk", "incident_id": "apk-0017"},
}

EXAMPLES: Mapping[str, Examples] = {
    "report": _REPORT,
    "withdrawal": _WITHDRAWAL,
    "incident": _INCIDENT,
    "incident_status": _INCIDENT_STATUS,
    "logistics": _LOGISTICS,
}
