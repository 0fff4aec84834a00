"""AWS on this machine: a gateway, an MSK control plane and real brokers."""
