"""What a broker writes to its log: that it started, who was refused, and what went wrong."""

from __future__ import annotations

from pathlib import Path

#: Log4j 2 in the properties format, which costs no XML parser at the start. Everything goes to standard output,
#: which is the node's log file.
LOG4J2 = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d{yyyy-MM-dd HH:mm:ss,SSS}] %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.server.name = kafka.server
logger.server.level = info
logger.config.name = kafka.server.KafkaConfig
logger.config.level = warn
logger.fetcher.name = kafka.server.ReplicaFetcherThread
logger.fetcher.level = error
logger.quotas.name = kafka.server.ClientQuotaManager
logger.quotas.level = warn
logger.reaper.name = kafka.server.DelayedOperationPurgatory
logger.reaper.level = warn
logger.network.name = org.apache.kafka.common.network
logger.network.level = info
logger.authorizer.name = kafka.authorizer.logger
logger.authorizer.level = info
logger.iam.name = io.ephk.kafka
logger.iam.level = info
logger.appinfo.name = org.apache.kafka.common.utils.AppInfoParser
logger.appinfo.level = info
"""


def tail(path: Path, lines: int = 20, *, since: int = 0) -> tuple[str, ...]:
    """Return the last lines of a log, without empty ones; nothing when there is no log.

    Args:
        path: the log.
        lines: how many lines at most.
        since: where to begin, in bytes from the start of the file.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(since, stream.tell() - 64 * 1024))
            text = stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ()
    return tuple(line for line in text.splitlines() if line.strip())[-lines:]
