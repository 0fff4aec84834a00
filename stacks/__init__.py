"""Pulumi programs: one environment as a composition of components, the same on AWS and on the embedded target."""
