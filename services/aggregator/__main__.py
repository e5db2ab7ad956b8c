"""Starts the aggregator: `python -m services.aggregator`."""

from services.aggregator.app import SERVICE, create_app
from shared.http.serve import serve

if __name__ == "__main__":
    serve(SERVICE, create_app)
