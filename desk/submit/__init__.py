"""`desk submit`: sends a file's lines in batches, again and again until each is answered, and goes on where it stood.

- `items.py` is what is sent; `ndjson_file.py` and `csv_file.py` find it in a file and write refused lines down.
- `ids.py` gives ids to lines that have none, the same ones for every try.
- `call.py` makes one call; `sending.py` repeats it until every line is answered for good.
- `progress_file.py` remembers how far it came, `refused_file.py` what was refused; `run.py` puts it together.
"""
