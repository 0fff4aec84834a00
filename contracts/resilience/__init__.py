"""Production readiness: what happens to applications while brokers are restarted, killed, moved or changed."""
