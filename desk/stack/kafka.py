"""Apache Kafka itself as one local process: a single node, broker and controller (KRaft)."""

import base64
import shutil
import uuid
from pathlib import Path

from desk.stack.kafka_jars import java
from desk.stack.kafka_probe import why_not_ready
from desk.stack.ports import HOST, require_free
from desk.stack.process import Command, Process, Register, run_to_end, start_process
from desk.stack.ready import wait_until_ready

READY_TIMEOUT_S = 60.0
FORMAT_TIMEOUT_S = 60.0
ADVICE = "Look at the log; a data directory from another version may have to be deleted."

# No log.flush.* here: records survive the death of the process in the page cache. Only the machine's own
# death could lose them, and against that a real cluster has replicas, not fsync.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={host}:{controller_port}
log.dirs=records
auto.create.topics.enable=false
unclean.leader.election.enable=false
# A killed broker's registration must run out before its successor is let in: 9 s by default.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
# A single node: nothing can be replicated.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
# Small: it shares the machine with everything else.
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=8388608
"""

LOG4J = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %-5p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
"""


def start(jars: Path, data_dir: Path, port: int, controller_port: int, register: Register) -> Process:
    """Start the broker on 127.0.0.1:`port`; return when it serves metadata and every partition has a leader.

    `jars` comes from `kafka_jars.fetch_jars`. The same `data_dir` brings back the acknowledged records, also
    after `kill -9` and on other ports. Raises StackError if it cannot start.
    """
    for number in (port, controller_port):
        require_free(number, "Apache Kafka needs it")
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / "log4j2.properties").write_text(LOG4J)
    properties = PROPERTIES.format(host=HOST, port=port, controller_port=controller_port)
    (data_dir / "kraft.properties").write_text(properties)
    jars = jars.absolute()
    _format_once(jars, data_dir)
    # The serial collector: fewest threads, smallest footprint. The broker's working set is the page cache.
    argv = _java_argv(jars, "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")
    argv += ["kafka.Kafka", "kraft.properties"]
    process = start_process(Command("Apache Kafka", argv, data_dir / "kafka.log", cwd=data_dir), register)
    wait_until_ready(process, lambda: why_not_ready(port), READY_TIMEOUT_S, ADVICE)
    return process


def cluster_id() -> str:
    """As Kafka's own: a random UUID in URL-safe base64. It must not look like an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _format_once(jars: Path, data_dir: Path) -> None:
    """Prepare the storage the first time; a preparation that was cut off is done again from nothing."""
    marker = data_dir / "formatted"
    if marker.exists():
        return
    shutil.rmtree(data_dir / "records", ignore_errors=True)
    argv = _java_argv(jars, "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    argv += [
        "kafka.tools.StorageTool",
        "format",
        "--standalone",
        "-t",
        cluster_id(),
        "-c",
        "kraft.properties",
    ]
    command = Command("Apache Kafka's storage tool", argv, data_dir / "format.log", cwd=data_dir)
    run_to_end(command, FORMAT_TIMEOUT_S)
    marker.touch()


def _java_argv(jars: Path, *flags: str) -> list[str]:
    """Paths in the properties are relative to the data directory: no escaping, and it may be moved."""
    return [java(), *flags, "-cp", f"{jars}/*", "-Dlog4j2.configurationFile=log4j2.properties"]
