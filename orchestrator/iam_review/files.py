"""Policies in files: a directory, one file, or either of them at a git revision.

The layout says what a file is where it can (`roles/NAME/trust.json`, `roles/NAME/boundary.json`, `users/NAME/*.json`,
`resources/SERVICE/NAME.json`); elsewhere its content does. A policy that belongs to nobody is reviewed as what it would
give to whoever gets it.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.iam_review.account import add_account
from orchestrator.iam_review.builder import SnapshotBuilder
from orchestrator.iam_review.documents import form_of, has_principal, has_resource, statement_lines
from orchestrator.iam_review.model import UNKNOWN_ACCOUNT, Location, PolicyRecord
from orchestrator.iam_review.statement import listed

_SKIPPED = frozenset({".git", ".venv", "venv", "node_modules", "__pycache__", ".terraform", ".pulumi"})
_GIT_TIMEOUT_S = 60
_ARN_OF = {
    "s3": "arn:aws:s3:::{name}",
    "kms": "arn:aws:kms:us-east-1:{account}:key/{name}",
    "secretsmanager": "arn:aws:secretsmanager:us-east-1:{account}:secret:{name}",
    "kafka": "arn:aws:kafka:us-east-1:{account}:cluster/{name}",
}

Tree = Mapping[str, str]


def read_path(path: Path) -> dict[str, str]:
    """Return the JSON files below a directory, or the file itself, by path.

    Raises:
        UsageError: there is nothing, or a file cannot be read.
    """
    try:
        if path.is_file():
            return {str(path): path.read_text(encoding="utf-8")}
        files = sorted(file for file in path.rglob("*.json") if not _SKIPPED & set(file.relative_to(path).parts))
        return {str(file): file.read_text(encoding="utf-8") for file in files if file.is_file()}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise UsageError(f"cannot read {path}: {reason}", next_step="Give JSON policy documents.") from None


def read_revision(revision: str, path: str, *, cwd: Path | None = None) -> dict[str, str] | None:
    """Return the JSON files below a path at a git revision, by the path that they have today.

    Args:
        revision: a branch, tag or commit.
        path: relative to the working directory.
        cwd: another working directory.

    Returns:
        None when the revision has no such path.

    Raises:
        UsageError: there is no such revision, or git is missing.
    """
    if revision.startswith("-"):
        raise UsageError(f"{revision!r} is no git revision", next_step="Give a branch, tag or commit.")
    commit = _git(cwd, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if commit is None:
        raise UsageError(
            f"{revision!r} is neither a file or directory nor a git revision",
            next_step="Give a path, a branch, tag or commit (in CI, fetch it first), or lease:NAME.",
        )
    relative = PurePosixPath(path).as_posix()
    prefix = (_git(cwd, "rev-parse", "--show-prefix") or b"").decode().strip()
    if _git(cwd, "cat-file", "-e", f"{commit.decode().strip()}:{_joined(prefix, relative)}") is None:
        return None
    archive = _git(cwd, "archive", "--format=tar", commit.decode().strip(), "--", relative)
    if archive is None:
        raise UsageError(f"git cannot read {path} at {revision}", next_step="Run 'git archive' by hand to see why.")
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            content = members.extractfile(member) if member.isfile() and member.name.endswith(".json") else None
            if content is not None and not _SKIPPED & set(PurePosixPath(member.name).parts):
                found[member.name] = content.read().decode("utf-8", "replace")
    return found


def _joined(prefix: str, relative: str) -> str:
    return prefix.rstrip("/") if relative == "." else f"{prefix}{relative}"


def _git(cwd: Path | None, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            capture_output=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise UsageError("git is not installed", next_step="Install git, or give two directories.") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git {arguments[0]} took more than {_GIT_TIMEOUT_S} s") from None
    return done.stdout if done.returncode == 0 else None


def add_files(builder: SnapshotBuilder, tree: Tree) -> int:
    """Add every policy document of a tree; plans are left to their own collectors.

    Returns:
        How many files held something about access.

    Raises:
        UsageError: a file in a folder for policies is no JSON.
    """
    used = 0
    for name, text in sorted(tree.items()):
        try:
            document = json.loads(text)
        except ValueError as error:
            if _placed(PurePosixPath(name).parts):
                raise UsageError(f"{name}: not JSON: {error}", next_step="Correct the file.") from None
            continue
        form = form_of(document)
        if form == "account":
            builder.saw(text)
            add_account(builder, document, file=name)
            used += 1
        elif form == "policy":
            builder.saw(text)
            _add_policy(builder, name, text, document)
            used += 1
    return used


def _placed(parts: tuple[str, ...]) -> tuple[str, str] | None:
    """Return what a path says about the policy in it: ("role", name), ("user", name), ("s3", bucket) ..."""
    for index, part in enumerate(parts[:-2]):
        if part in ("roles", "users"):
            return part[:-1], parts[index + 1]
        if part == "resources":
            return parts[index + 1], PurePosixPath(parts[-1]).stem
    return None


def _add_policy(builder: SnapshotBuilder, name: str, text: str, document: dict[str, Any]) -> None:
    path = PurePosixPath(name)
    location = Location(name, 1)
    record = PolicyRecord(path.stem, document, location, statement_lines(text))
    placed = _placed(path.parts)
    if placed is not None and placed[0] in ("role", "user"):
        kind, owner = ("role" if placed[0] == "role" else "user"), placed[1]
        builder.principal("role" if kind == "role" else "user", owner, Location(str(path.parent)))
        if path.stem == "trust" and kind == "role":
            builder.trust(owner, record)
        elif path.stem == "boundary":
            builder.boundary("role" if kind == "role" else "user", owner, location, record)
        else:
            builder.grant(kind, owner, record)
    elif placed is not None:
        form = _ARN_OF.get(placed[0], f"arn:aws:{placed[0]}:us-east-1:{{account}}:{{name}}")
        builder.resource(form.format(name=placed[1], account=UNKNOWN_ACCOUNT), record)
    elif has_principal(document) and has_resource(document):
        builder.resource(_resource_of(document, path.stem), record)
    elif has_principal(document):
        builder.trust(path.stem, record)
    else:
        builder.grant("policy", path.stem, record)


def _resource_of(document: Mapping[str, Any], stem: str) -> str:
    """Return the ARN of the resource that a policy is about, from the resources that it names."""
    from orchestrator.iam.public import statements_of

    for statement in statements_of(document):
        for entry in listed(statement.get("Resource")):
            if entry.startswith("arn:"):
                return entry.removesuffix("/*").rstrip("*")
    return f"arn:aws:unknown:us-east-1:{UNKNOWN_ACCOUNT}:{stem}"
