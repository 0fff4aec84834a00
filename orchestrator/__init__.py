"""ephemeral-kafka: owns the life of a short-lived Kafka environment, from lease to receipt."""

__version__ = "0.1.0"
