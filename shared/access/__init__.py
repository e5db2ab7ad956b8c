"""Who may say and see what: `keys.py` and `holders.py` are pure, `store.py` finds the rights behind a key in
`desk_access` and remembers them for a while (`memory.py`), `registry.py` administers them."""
