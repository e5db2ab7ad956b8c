"""Kafka, one module a job: `producer.py` over `group_commit.py`, `subscription.py` and `log_reader.py` over
`tolerant_consumer.py`, `topic_admin.py` and `whole_topic.py` for people's tools.

Why these settings (docs/decisions/0003): manual acknowledgement and `earliest`, since every other policy loses
records; acks from all in-sync replicas; no idempotent producer, because after a broker's restart it can stay dead
(aiokafka #1017) and ids are deduplicated downstream anyway. Every call has a time limit: aiokafka's have none.
"""
