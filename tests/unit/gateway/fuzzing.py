"""What the fuzz tests share: how many examples, and what counts as a crash or as being let in.

The suite runs a few hundred examples; `make fuzz` runs 10,000 (EPHK_FUZZ_EXAMPLES for each property).
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from orchestrator.embedded.gateway.http import HttpResponse

EXAMPLES = os.environ.get("EPHK_FUZZ_EXAMPLES", "")
FUZZ = settings(
    max_examples=int(EXAMPLES or 50),
    derandomize=not EXAMPLES,  # the suite is the same every time; a fuzz run looks elsewhere each time
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
#: The answer to a fault of our own; an operation that is not there answers 501.
CRASH = 500

TEXT = st.text(st.characters(codec="latin-1"), max_size=40)


def let_in(answer: HttpResponse) -> bool:
    return answer.status < 400
