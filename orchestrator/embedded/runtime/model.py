"""What is needed to run Kafka's programs: a JRE, a class path, archives that make it start fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: For processes that live for hours on a small machine and are many: the simple collector, one compiler, small
#: stacks, no files outside of the process's own directory.
JVM_FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xss512k",
    "-XX:ReservedCodeCacheSize=64m",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
)

#: How an archive is used. One that does not fit (another JRE, a jar that was fetched again) is passed over.
ARCHIVE_FLAGS = ("-XX:AOTCache={archive}", "-Xlog:disable", "-Xlog:all=error:stderr")
#: How an archive is made: the JVM writes it when the program ends.
TRAINING_FLAGS = ("-XX:AOTCacheOutput={archive}", "-Xlog:disable", "-Xlog:all=error:stderr")

#: What storage is formatted with. Eligible leader replicas (KIP-966) are off: with them the first value of
#: `min.insync.replicas` becomes a dynamic setting, and a later change of the configuration would have no effect.
FORMAT_OPTIONS = ("--feature", "eligible.leader.replicas.version=0")


@dataclass(frozen=True)
class KafkaRuntime:
    """A runtime that is complete and checked.

    Attributes:
        java: the `java` program.
        classpath: Kafka's jars and our classes, separated as the platform does.
        directory: where the runtime's own files are (compiled classes, archives, the storage template).
        storage_template: a directory with the files of a freshly formatted log directory.
        archives: class-data archives by what they were trained for ("broker"); one that could not be made is absent.
        training_flags: options for every command while an archive is made; otherwise empty.
    """

    java: Path
    classpath: str
    directory: Path
    storage_template: Path
    archives: Mapping[str, Path] = field(default_factory=dict)
    training_flags: tuple[str, ...] = ()

    def command(
        self,
        main_class: str,
        *arguments: str,
        archive: str = "",
        heap_mb: tuple[int, int] = (64, 256),
        temporary: Path | None = None,
        logging: Path | None = None,
        flags: tuple[str, ...] = (),
    ) -> list[str]:
        """Return a command line; nothing in it is secret.

        Args:
            main_class: the program.
            arguments: its arguments.
            archive: which archive to use; ignored when there is none of that name.
            heap_mb: the heap's first and largest size, in MiB.
            temporary: where native libraries are unpacked.
            logging: a Log4j 2 configuration file.
            flags: further options of the JVM.
        """
        command = [str(self.java), f"-Xms{heap_mb[0]}m", f"-Xmx{heap_mb[1]}m", *JVM_FLAGS, *self.training_flags]
        if archive in self.archives:
            command += [flag.format(archive=self.archives[archive]) for flag in ARCHIVE_FLAGS]
        if temporary is not None:
            command.append(f"-Djava.io.tmpdir={temporary}")
        if logging is not None:
            command.append(f"-Dlog4j2.configurationFile={logging}")
        return [*command, *flags, "-cp", self.classpath, main_class, *arguments]
