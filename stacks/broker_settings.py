"""The brokers' settings of an environment: what every one has, and what its spec adds."""

from __future__ import annotations

from stacks.inputs import BrokerInputs


def default_properties(brokers: BrokerInputs) -> dict[str, str]:
    """Return the server properties of every environment: nothing is open, nothing appears by itself.

    All of them are among those that MSK lets a configuration set ("Custom Amazon MSK configurations").
    """
    copies = min(3, brokers.count)
    in_sync = max(1, copies - 1)
    return {
        "allow.everyone.if.no.acl.found": "false",
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(copies),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(in_sync),
    }


def server_properties(brokers: BrokerInputs) -> dict[str, str]:
    """Return the settings: the spec's over those of every environment."""
    return {**default_properties(brokers), **brokers.server_properties}


def properties_text(brokers: BrokerInputs) -> str:
    """Return the configuration's text, sorted, so that the same spec gives the same text."""
    return "".join(f"{name}={value}\n" for name, value in sorted(server_properties(brokers).items()))
