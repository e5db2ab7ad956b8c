"""How long we wait for Kafka, and how often we look."""

METADATA_MAX_AGE_MS = 10_000  # a partition added is seen within this
REQUEST_TIMEOUT_MS = 40_000  # a consumer's; must exceed session and rebalance times
SESSION_TIMEOUT_MS = 6_000  # the least that brokers allow by default
HEARTBEAT_MS = 1_000  # also how soon a member hears of a rebalance
CALL_TIMEOUT_S = 10.0
REST_MS = 20  # FastStream's: how long a look waits, and then sleeps if nothing had come
PATIENCE_MS = 5_000  # how long the look of a patient one waits
MAX_BATCH_BYTES = 1024 * 1024  # of one partition, and what a broker takes by default
