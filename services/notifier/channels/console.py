"""The console: one line a notice, Indonesian first, on the notifier's standard output."""

from __future__ import annotations

import sys

from services.notifier.channels import Message


class Console:
    async def send(self, message: Message) -> int | None:
        data = message.payload["data"]
        sys.stdout.write(f"[{data['rule']}] {data['text']['id']} / {data['text']['en']}\n")
        sys.stdout.flush()
        return None

    async def close(self) -> None:
        """Nothing to close."""
