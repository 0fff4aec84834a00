"""The embedded target's Pulumi provider for `aws`: the types that the stacks use, on boto3 against the gateway.

The official provider plugin is a download of hundreds of megabytes. This one implements the part of it that the
stacks need, and refuses by name every type and every input property that it does not implement.
"""
