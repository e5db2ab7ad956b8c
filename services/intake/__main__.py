"""`python -m services.intake`: one intake process."""

from services.intake.app import create_app
from shared.http.serve import serve

if __name__ == "__main__":
    serve("intake", create_app)
