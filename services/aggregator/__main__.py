"""Starts the aggregator: `python -m services.aggregator`."""

from services.aggregator.app import create_app
from shared.http.serve import serve

if __name__ == "__main__":
    serve("aggregator", create_app)
