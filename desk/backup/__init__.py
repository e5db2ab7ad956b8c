"""`desk backup` and `desk restore`: all four databases of one moment, in one file (docs/decisions/0026).

`archive.py` is the file, `taking.py` fills it, `restoring.py` reads it back.
"""
