"""The gateway: one endpoint that speaks every AWS service the embedded cloud has."""
