"""The console: one line a notice, Indonesian first, on the notifier's standard output."""

from __future__ import annotations

import sys

from services.notifier.channels import Message, Sent


class Console:
    async def send(self, message: Message) -> Sent:
        data = message.payload["data"]
        sys.stdout.write(f"[{data['rule']}] {data['text']['id']} / {data['text']['en']}\n")
        sys.stdout.flush()
        return Sent()

    async def close(self) -> None:
        """Nothing to close."""
