"""Starts the notifier: `python -m services.notifier`."""

from services.notifier.app import SERVICE, create_app
from shared.http.serve import serve

if __name__ == "__main__":
    serve(SERVICE, create_app)
