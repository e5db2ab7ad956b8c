"""Event contracts: one module a type, `codec.py` for the wire form. Pure: nothing here does I/O."""
