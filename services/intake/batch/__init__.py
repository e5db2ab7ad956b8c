"""Batches: many submissions in one call, and the spreadsheets that are sent so.

The way of a batch, from the first byte to the last result:
- `upload.py` takes the bytes in as they come, `lines.py` cuts them (`ndjson.py`, `csv_rows.py`: what a line is).
- `taking.py` takes windows of lines through the door, each line as if it had been a call of its own.
- `results.py` keeps the results until the client reads them: many clients send everything before they read anything,
  so reading never waits for writing. `api.py` puts it together; `templates.py` makes the files to fill in.
"""
