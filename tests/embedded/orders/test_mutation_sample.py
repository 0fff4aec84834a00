"""A sample of the mutations, on the environment that is up already and all at once; `make mutation` tries each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from orchestrator.environment import Environment
from tests.embedded.conftest import Orders
from tests.mutation.__main__ import chosen
from tests.mutation.model import ELSEWHERE, Mutation, judge
from tests.mutation.scene import Scene

#: Of each concern one; none of them waits for a broker's restart.
SAMPLE = ("sg-half-the-world", "bucket-stranger", "acl-stranger", "topic-in-sync", "trust-account", "tag-policy")


@pytest.fixture(scope="module")
def scene(orders: Orders) -> Iterator[Scene]:
    made = Scene(orders.world, Environment.model_validate(orders.environment))
    try:
        yield made
    finally:
        made.close()


def test_a_sample_is_caught_by_the_right_contracts_and_by_no_other(scene: Scene) -> None:
    sample = [mutation for name in SAMPLE for mutation in chosen([name])]
    assert len(sample) == len(SAMPLE)
    together = Mutation(
        "sample",
        "several things",
        lambda _: contextlib.nullcontext(),
        tuple(dict.fromkeys(name for mutation in sample for name in mutation.caught)),
        leaves_out=sample[0].leaves_out,
    )
    with contextlib.ExitStack() as broken:
        for mutation in sample:
            broken.enter_context(mutation.broken(scene))
        assert scene.settled(together.caught, "failed")
        verdict = judge(together, scene.verify(leave_out=(*together.leaves_out, *ELSEWHERE)))
    assert scene.settled(together.caught, "verified")
    assert (verdict.missed, verdict.unexpected) == ({}, {})
    assert set(verdict.caught) == set(together.caught)
