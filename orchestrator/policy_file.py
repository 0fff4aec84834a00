"""The project's policy file: what every environment of a repository may not exceed, whatever its spec asks for.

    # ephk-policy.yaml, in the repository's root
    max_ttl: 24h
    create_deadline: 2h
    budget_usd: 20
    iam:
      accept: []
    terraform:
      tags: [team]

The limits that applied are written into the lease, so that `extend` and the reaper need no checkout.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from orchestrator.errors import UsageError
from orchestrator.spec import EnvironmentSpec, format_duration, parse_limit
from orchestrator.terraform.policy import TerraformPolicy

FILE_NAME = "ephk-policy.yaml"
#: Names a policy file that lies elsewhere.
VARIABLE = "EPHK_POLICY"

Limit = Annotated[timedelta, BeforeValidator(parse_limit)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IamPolicy(_Strict):
    """What a change of permissions may add without failing a review; see `ephk check iam --help`."""

    accept: tuple[dict[str, Any], ...] = ()
    strict: bool = False


class ProjectPolicy(_Strict):
    """Limits for every environment of a project; None is no limit beyond the product's own.

    Attributes:
        max_ttl: the longest life of an environment once it is ready, extensions included.
        create_deadline: the longest that provisioning may take.
        budget_usd: the most that one environment may cost over its ttl, by the estimate, USD.
        iam: accepted changes of permissions.
        terraform: what plans must have, and what is accepted in them.
        state: the state bucket of environments on AWS (`s3://bucket`); None takes the account's own.
    """

    max_ttl: Limit | None = None
    create_deadline: Limit | None = None
    budget_usd: float | None = Field(default=None, gt=0)
    iam: IamPolicy = IamPolicy()
    terraform: TerraformPolicy = TerraformPolicy()
    state: str | None = None

    def check(self, spec: EnvironmentSpec, *, source: str = FILE_NAME) -> None:
        """Refuse a spec that asks for more than the project allows.

        Raises:
            UsageError: with every limit that is exceeded.
        """
        asked = (("ttl", spec.ttl, self.max_ttl), ("create_deadline", spec.create_deadline, self.create_deadline))
        over = [
            f"{name}: {format_duration(value)} is more than the {format_duration(limit)} that {source} allows"
            for name, value, limit in asked
            if value is not None and limit is not None and value > limit
        ]
        if over:
            raise UsageError(over[0], details=tuple(over[1:]), next_step=f"Ask for less, or change {source}.")


def find_policy_file(start: Path | None = None) -> Path | None:
    """Return the policy file, or None when there is none.

    It is the one that `EPHK_POLICY` names, else the nearest from `start` upwards to the repository's root (a
    directory with `.git`).

    Args:
        start: the directory to begin in; None takes the working directory.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    for directory in (here := (start or Path.cwd()).absolute(), *here.parents):
        if (directory / FILE_NAME).is_file():
            return directory / FILE_NAME
        if (directory / ".git").exists():
            return None
    return None


def load_policy(path: Path | None = None, *, start: Path | None = None) -> ProjectPolicy:
    """Read the project's policy; without a file, no limits.

    Raises:
        UsageError: the file cannot be read, is not YAML, or has a wrong or unknown field: a limit that is not
            understood is never taken as none.
    """
    path = path or find_policy_file(start)
    if path is None:
        return ProjectPolicy()
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return ProjectPolicy.model_validate({} if document is None else document)
    except OSError as error:
        raise UsageError(f"the policy file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the policy file {path} is not UTF-8 text") from None
    except yaml.YAMLError as error:
        raise UsageError(f"the policy file {path} is not YAML: {error}") from None
    except ValidationError as error:
        faults = tuple(
            f"{path}: {'.'.join(str(part) for part in item['loc']) or '(file)'}: {item['msg']}"
            for item in error.errors()
        )
        raise UsageError(faults[0], details=faults[1:], next_step="Correct the policy file.") from None
