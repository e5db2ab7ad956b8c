"""What the notifier counts: verdicts, alerts, deliveries, and what its database says of them.

What is read from the database is the same at each replica, so the largest is taken, never the sum.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.events.verdict import Verdict

OUTCOMES = ("ok", "retry", "dead")


class NotifierMetrics:
    def __init__(self, made: CollectorRegistry | None) -> None:
        self.verdicts = Counter(
            "desk_verdicts_total",
            "verdicts published, by kind; a repeat after a crash counts again",
            ["verdict"],
            registry=made,
        )
        self.alerts = Counter("desk_alert_changes_total", "changes of alerts", ["rule", "state"], registry=made)
        self.deliveries = Counter(
            "desk_deliveries_total", "delivery attempts, by outcome", ["channel", "outcome"], registry=made
        )
        self.accepted_to_delivered = Histogram(
            "desk_accepted_to_delivered_seconds",
            "from the acceptance of the event that is told of, or from the judgement, to the receiver's yes; without "
            "what was held back on purpose",
            ["rule"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
            registry=made,
        )
        # Labelled by the names in the receivers file, which are few and people's own.
        self.breaker_open = Gauge(
            "desk_receiver_breaker_open", "1 while a receiver gets probes alone", ["receiver"], registry=made
        )
        self.receiver_disabled = Gauge(
            "desk_receiver_disabled", "1 while a receiver wants no more (410)", ["receiver"], registry=made
        )
        self._from_database(made)
        for verdict in Verdict:
            self.verdicts.labels(verdict.value)

    def _from_database(self, made: CollectorRegistry | None) -> None:
        self.oldest_open_obligation_seconds = Gauge(
            "desk_oldest_open_obligation_seconds",
            "how long the oldest report is past due and grace without being judged; 0 if none is",
            registry=made,
        )
        self.deliveries_waiting = Gauge(
            "desk_deliveries_waiting", "deliveries that are pending, held or dead now", ["state"], registry=made
        )
        self.alerts_in_force = Gauge(
            "desk_alerts_in_force", "alerts that fire, acknowledged or not", ["rule", "state"], registry=made
        )
        self.report_day_seconds = Gauge(
            "desk_report_day_seconds",
            "how long a day on which reports are owed has lasted, by the election's zones; 0 on all other days",
            registry=made,
        )
        self.reports_owed = Gauge(
            "desk_reports_owed", "regions that owe a report for the latest period", registry=made
        )
        self.reports_filed = Gauge(
            "desk_reports_filed", "regions of which one is in time, or came late, for that period", registry=made
        )
        self.figures_at = Gauge(
            "desk_figures_timestamp_seconds",
            "when this replica last read its figures from the database",
            registry=made,
        )
