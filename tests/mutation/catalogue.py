"""All mutations, in the order in which they are tried: what needs no restart of a broker first."""

from __future__ import annotations

from tests.mutation import bucket, control_plane, credentials, identity, kafka, listeners, network

MUTATIONS = (
    *network.MUTATIONS,
    *bucket.MUTATIONS,
    *kafka.MUTATIONS,
    *credentials.MUTATIONS,
    *identity.MUTATIONS,
    *control_plane.MUTATIONS,
    *listeners.MUTATIONS,
)
