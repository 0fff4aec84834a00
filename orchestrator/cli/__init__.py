"""The `ephk` command: one module per verb, no logic of its own."""

from __future__ import annotations

import importlib
import os

import click

from orchestrator import __version__

#: Command -> (module that holds it, one line about it). Modules are imported when their command is asked for, and the
#: lines stand here so that `ephk --help` imports none; a test compares them with the commands' own.
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("up", "Bring up an environment and print how to connect."),
    "verify": ("verify", "Run the contracts of an environment; exit code 3 when one fails or cannot be run."),
    "adopt": ("adopt", "Adopt a cluster that somebody else made, so that contracts run on it."),
    "down": ("down", "Destroy an environment and prove that nothing is left; exit code 4 when something is."),
    "run": ("run", "Bring up an environment, verify it, run COMMAND with it, and always take it down."),
    "list": ("leases", "List the environments with their owner, age and time left."),
    "show": ("leases", "Show one environment: its lease, brokers, principals and what it owns."),
    "extend": ("leases", "Move the end of an environment's lease to TTL from now."),
    "keep": ("leases", "Hold the reaper off an environment until a date, with a reason."),
    "env": ("env", "Print how a principal connects, with its secret: keep the output out of logs."),
    "token": ("token", "Print a fresh token of an IAM principal, for clients that use OAUTHBEARER."),
    "plan": ("plan", "Show what would be made, without making anything."),
    "cost": ("cost", "Show what an environment would cost on AWS, or what it was billed."),
    "reap": ("reap", "Take down every environment whose lease has expired or whose teardown was not finished."),
    "check": ("check", "Check policies, plans and connectors without an environment."),
    "diagnose": ("diagnose", "Say what a client's errors mean: the layer, the cause, and what to do."),
    "contracts": ("contracts", "List every contract: id, risk, layers and statement."),
    "scorecard": ("scorecard", "Show risk by layer from reports."),
    "cloud": ("cloud", "Start, stop or look at the embedded cloud."),
    "bootstrap": ("bootstrap", "Set an AWS account up once: state bucket, reaper, the CI's role and its boundary."),
    "doctor": ("doctor", "Say what is installed and what is missing."),
    "setup": ("setup", "Install the Pulumi CLI, the JRE, Kafka, its class-data archives and plugins into the cache."),
}


_LOOPBACK = ("127.0.0.1", "localhost")


class _Group(click.Group):
    """Commands in the order of use, loaded lazily."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"orchestrator.cli.{COMMANDS[cmd_name][0]}")
        command = module.__dict__[f"{cmd_name}_command"]
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ephk")
@click.option("--state", metavar="s3://BUCKET", help="State bucket of environments on AWS (or EPHK_STATE_BUCKET).")
def main(state: str | None) -> None:
    """Short-lived, real Kafka environments that prove their contracts and clean up after themselves.

    Exit codes: 0 fine, 1 could not do it, 2 wrong usage or spec, 3 a contract failed,
    4 something was left behind, 130 interrupted.
    """
    _keep_loopback_off_proxies()
    if state is not None:
        os.environ["EPHK_STATE_BUCKET"] = state  # for every process that this one starts, too
    # Whoever killed it: as long as there are leases here, something must be there to end them.
    from orchestrator.teardown.reaper_process import ensure_reaper  # not for `ephk --help`

    ensure_reaper()


def _keep_loopback_off_proxies() -> None:
    """Reach the embedded cloud directly, here and in every process that is started.

    Behind a company's proxy `HTTPS_PROXY` is set, and boto3, urllib and gRPC would ask the proxy for 127.0.0.1.
    """
    for variable in ("no_proxy", "NO_PROXY"):
        names = [name for name in os.environ.get(variable, "").split(",") if name.strip()]
        os.environ[variable] = ",".join([*names, *(name for name in _LOOPBACK if name not in names)])
