"""The calls that come by the thousand, past FastAPI's own way to them."""
