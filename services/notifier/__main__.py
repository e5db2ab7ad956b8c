"""`python -m services.notifier`: one replica of the notifier."""

from services.notifier.app import SERVICE, create_app
from shared.http.serve import serve

serve(SERVICE, create_app)
