"""Contracts of the schema registry: its door, the evolution of schemas, records that carry a schema's id."""
