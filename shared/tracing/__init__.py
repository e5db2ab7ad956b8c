"""One id for all that a call causes, from the HTTP request through Kafka to the delivery, and, where an operator wants
them, OpenTelemetry's spans (docs/tracing.md).

`places.py`: the id and the W3C `traceparent`, always. `spans.py`: what is measured; costs nothing while tracing is
off. `otlp.py`: where spans are sent; the one module that knows OpenTelemetry's SDK, imported by `spans.start` alone.
"""
