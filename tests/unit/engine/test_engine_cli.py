"""Where the CLI comes from."""

from __future__ import annotations

import contextlib
import importlib.resources
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine import go_build, plugins
from orchestrator.engine.plugins import pulumi_home
from orchestrator.engine.pulumi_cli import PINNED, ensure_cli, find_cli
from orchestrator.errors import EphkError
from orchestrator.progress import SilentProgress


def cli(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any Pulumi, Go or network."""
    monkeypatch.delenv("EPHK_PULUMI", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def unreachable(*arguments: Any, **options: Any) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)


@pytest.mark.parametrize("version", ["v3.200.0", "v3.259.0", "3.300.1", "v3.260.0-alpha.1"])
def test_one_on_path_is_used(tmp_path: Path, version: str) -> None:
    path = cli(tmp_path / "bin" / "pulumi", version)
    found = find_cli()
    assert found is not None
    assert (found.path, found.source, str(found.version)) == (path, "PATH", version.removeprefix("v"))


@pytest.mark.parametrize("version", ["v3.199.9", "v4.0.0", "hello", ""])
def test_one_of_another_version_is_not(tmp_path: Path, version: str) -> None:
    cli(tmp_path / "bin" / "pulumi", version)
    assert find_cli() is None


def test_the_cached_one_is_used_when_the_one_on_path_is_too_old(tmp_path: Path) -> None:
    cli(tmp_path / "bin" / "pulumi", "v3.1.0")
    path = cli(tmp_path / "cache" / "ephk" / "pulumi" / str(PINNED) / "bin" / "pulumi", "v3.259.0")
    found = ensure_cli(SilentProgress())
    assert (found.path, found.source) == (path, "cache")


def test_the_one_that_is_named_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli(tmp_path / "bin" / "pulumi", "v3.259.0")
    named = cli(tmp_path / "mine", "v3.250.0")
    monkeypatch.setenv("EPHK_PULUMI", str(named))
    found = find_cli()
    assert found is not None
    assert found.path == named


def test_a_named_one_that_is_none_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli(tmp_path / "bin" / "pulumi", "v3.259.0")
    monkeypatch.setenv("EPHK_PULUMI", str(tmp_path / "none"))
    with pytest.raises(EphkError, match="EPHK_PULUMI="):
        find_cli()


def test_without_network_and_go_the_error_says_what_to_install() -> None:
    with pytest.raises(EphkError) as error:
        ensure_cli(SilentProgress())
    assert "no Pulumi CLI" in error.value.message
    assert "Install Pulumi" in error.value.next_step
    assert "Go" in error.value.next_step
    assert any("no route to host" in line for line in error.value.details)
    assert any("there is no Go" in line for line in error.value.details)


#: Stands in for `go build -v ... -o TARGET PACKAGE`.
GO = """#!/bin/sh
echo "go: downloading example.org/a v1.0.0" >&2
echo "example.org/a" >&2
while [ "$1" != "-o" ]; do shift; done
printf '#!/bin/sh\\necho v3.259.0\\n' > "$2"
"""


def go(tmp_path: Path, text: str) -> None:
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin" / "go").write_text(text)
    (tmp_path / "bin" / "go").chmod(0o755)


def test_it_is_built_with_go_once(tmp_path: Path) -> None:
    go(tmp_path, GO)
    built = ensure_cli(SilentProgress())
    assert built.source == "go"
    assert built.path == tmp_path / "cache" / "ephk" / "pulumi" / str(PINNED) / "bin" / "pulumi"
    assert ensure_cli(SilentProgress()).source == "cache"
    assert [path.name for path in built.path.parent.iterdir()] == ["pulumi"]


def test_neither_the_build_nor_the_cli_writes_into_the_users_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOPATH", "GOMODCACHE"):
        monkeypatch.delenv(name, raising=False)
    fake_cli = '#!/bin/sh\\necho "$PULUMI_HOME" > %s\\necho v3.259.0\\n' % (tmp_path / "home.txt")
    go(
        tmp_path,
        GO.replace("#!/bin/sh\\necho v3.259.0\\n", fake_cli)
        + f'echo "$GOMODCACHE" > {tmp_path / "modules.txt"}\n/bin/mkdir -p "$GOMODCACHE/example.org"\n',
    )
    built = ensure_cli(SilentProgress())
    modules = Path((tmp_path / "modules.txt").read_text().strip())
    assert modules.is_relative_to(tmp_path / "cache")
    assert not modules.exists()
    assert Path((tmp_path / "home.txt").read_text().strip()).is_relative_to(tmp_path / "cache")
    assert [path.name for path in built.path.parent.iterdir()] == ["pulumi"]


def test_a_module_cache_that_is_named_is_used_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "mine"))
    go(tmp_path, GO + '/bin/mkdir -p "$GOMODCACHE/example.org"\n')
    ensure_cli(SilentProgress())
    assert (tmp_path / "mine" / "example.org").is_dir()


def test_a_build_that_fails_shows_its_last_lines(tmp_path: Path) -> None:
    go(tmp_path, "#!/bin/sh\necho 'go: no module proxy answers' >&2\nexit 1\n")
    with pytest.raises(EphkError) as error:
        ensure_cli(SilentProgress())
    assert any("no module proxy answers" in line for line in error.value.details)


def test_a_build_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go_build, "_BUILD_S", 0.0)
    go(tmp_path, "#!/bin/sh\necho compiling >&2\nread forever < /dev/zero\n")
    with pytest.raises(EphkError) as error:
        ensure_cli(SilentProgress())
    assert any("did not end" in line for line in error.value.details)


def test_the_module_builds_the_version_that_is_looked_for() -> None:
    module = importlib.resources.files("orchestrator.engine") / "pulumi_cli_module" / "go.mod"
    assert go_build.pinned_version(module.read_text()) == f"v{PINNED}"
    with pytest.raises(ValueError, match="does not require"):
        go_build.pinned_version("module x\n")


def test_the_build_reports_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go_build, "_SAY_S", 0.0)
    go(tmp_path, GO)
    said: list[str] = []

    class Progress(SilentProgress):
        @contextlib.contextmanager
        def step(self, title: str) -> Iterator[Any]:
            yield type("Step", (), {"waiting": lambda self, text: said.append(text)})()

    go_build.build_cli(tmp_path / "out" / "pulumi", Progress())
    assert said[-1].endswith("1 modules downloaded, 1 packages compiled")


def test_our_plugin_is_where_the_engine_looks_for_it_and_nowhere_else(tmp_path: Path) -> None:
    home = pulumi_home("embedded")
    (plugin,) = (home / "plugins").glob("resource-aws-v*/pulumi-resource-aws")
    assert plugin.stat().st_mode & 0o111
    assert "-m orchestrator.embedded.provider" in plugin.read_text()
    before = plugin.stat().st_mtime_ns
    assert pulumi_home("embedded") == home
    assert plugin.stat().st_mtime_ns == before
    assert not (pulumi_home("official") / "plugins").exists()


def test_two_installations_have_a_home_each(monkeypatch: pytest.MonkeyPatch) -> None:
    home = pulumi_home("embedded")
    monkeypatch.setattr(plugins.sys, "executable", "/elsewhere/python")
    assert pulumi_home("embedded") != home
