"""Kafka Streams: a real application that is killed in the middle."""
