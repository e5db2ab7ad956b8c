"""The data directory keeps what a restart needs, and refuses what it was not made for."""

from pathlib import Path
from typing import Any

import pytest

from desk.data_dir import Kept, fit_for, locked, recall, recall_or_keep
from desk.stack.brokers import Broker
from desk.stack.errors import StackError

CLOCK = "2024-11-18T08:00:00+08:00@60"


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError


KAFKA = Broker("Apache Kafka", True, _never)
TANSU = Broker("Tansu", False, _never)


def test_the_keys_stay_the_same(tmp_path: Path) -> None:
    """A second start has the first one's keys and first judged date, readable by the owner alone."""
    first = recall_or_keep(tmp_path, None, "2024-11-18")
    assert recall_or_keep(tmp_path, None, "2024-12-02") == first
    assert first.agency_key.startswith("desk_desk_")
    assert (tmp_path / "up.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("made_for", "now", "advice"),
    [
        (CLOCK, None, f"was made for the scenario clock {CLOCK}: give --clock {CLOCK}, or give another --data-dir"),
        (None, CLOCK, "was made for the real clock: leave --clock out, or give another --data-dir"),
    ],
)
def test_another_clock_is_refused(tmp_path: Path, made_for: str | None, now: str | None, advice: str) -> None:
    """Time cannot jump within one directory: the line says what to do."""
    recall_or_keep(tmp_path, made_for, "2024-11-18")
    with pytest.raises(StackError) as refused:
        recall_or_keep(tmp_path, now, "2024-11-18")
    assert str(refused.value).endswith(advice)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """What cannot be read is no reason for new keys behind the clients' backs."""
    (tmp_path / "up.json").write_text("{")
    with pytest.raises(StackError, match=r"up\.json is damaged"):
        recall(tmp_path)


def test_one_stack_a_directory(tmp_path: Path) -> None:
    """The second is refused while the first runs, and welcome afterwards."""
    refused = pytest.raises(StackError, match=r"in use by another stack \(process \d+\)")
    with locked(tmp_path), refused, locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("broker", [KAFKA, TANSU])
def test_what_a_forgetful_broker_filled_is_emptied(tmp_path: Path, broker: Broker) -> None:
    """The database and the clock go, in one line that says so; the keys stay, the clock may be another one."""
    kept = recall_or_keep(tmp_path, CLOCK, "2024-11-18")
    (tmp_path / "mongod" / "db").mkdir(parents=True)
    (tmp_path / "clock.json").touch()
    said: list[str] = []
    fit_for(broker, tmp_path, said.append)
    assert len(said) == 1
    assert not (tmp_path / "mongod").exists()
    assert not (tmp_path / "clock.json").exists()
    assert recall_or_keep(tmp_path, None, "2026-11-23") == Kept(kept.agency_key, kept.operator_key, None, "2026-11-23")


def test_kafkas_records_are_never_emptied(tmp_path: Path) -> None:
    """Where only the development broker can run, Apache Kafka's directory is refused and left as it is."""
    for name in ("kafka", "mongod"):
        (tmp_path / name).mkdir()
    with pytest.raises(StackError, match="holds Apache Kafka's records, which Tansu cannot read"):
        fit_for(TANSU, tmp_path, _never)
    fit_for(KAFKA, tmp_path, _never)
    assert (tmp_path / "mongod").exists()
