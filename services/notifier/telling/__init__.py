"""From changes of alerts to planned deliveries: alone, in digests, and again while nobody acknowledges."""
