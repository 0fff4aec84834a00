"""Pulumi: the CLI found or installed, run in a session of its own with deadlines, and one stack for each lease."""
