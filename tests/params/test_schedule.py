"""The schedules' settings: cron lines as Prefect understands them, and the same ones in prefect.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.schedules import CronSchedule

from tasks.params import FauxfaceError, ScheduleParams, load_params
from tasks.params.load import parse_params
from tasks.params.schedule import check_cron


def settings(schedule: dict[str, Any]) -> ScheduleParams:
    return parse_params({"datasets": {"faces": {"source": "x"}}, "schedule": schedule}, "params.yaml").schedule


@pytest.mark.parametrize(
    "line", ["* * * * *", "*/15 * * * *", "0 3 * * mon-fri", "5,35 0-6/2 1 JAN,jul 0,7", "59 23 31 12 7"]
)
def test_cron_lines_are_taken_as_they_are(line: str) -> None:
    assert settings({"inbox": {"cron": line}}).inbox.cron == line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("75 * * * *", "'75' is no minute, which is 0-59"),
        ("* * * *", "five fields"),
        ("@daily", "five fields"),
        ("* * * * * *", "five fields"),
        ("*/0 * * * *", "step"),
        ("*/99 * * * *", "step"),
        ("5/10 * * * *", "a range before it"),
        ("30-10 * * * *", "runs backwards"),
        ("* * 0 * *", "day of the month, which is 1-31"),
        ("* * * foo *", "month, which is 1-12 or jan-dec"),
        ("* * * * mon-", "day of the week"),
        ("H * * * *", "'H' is no minute"),
        ("1,,2 * * * *", "minute"),
    ],
)
def test_a_bad_cron_line_is_said_with_key_and_value(line: str, expected: str) -> None:
    with pytest.raises(FauxfaceError) as caught:
        settings({"retrain": {"cron": line}})
    said = str(caught.value)
    assert "params.yaml: schedule.retrain.cron" in said
    assert expected in said
    assert repr(line) in said


def test_null_means_only_by_hand_and_keys_are_checked() -> None:
    assert settings({"rescore": {"cron": None}}).rescore.cron is None
    with pytest.raises(FauxfaceError, match=r"schedule\.inbox\.settel: unknown key\. Did you mean 'settle'"):
        settings({"inbox": {"settel": 3}})
    with pytest.raises(FauxfaceError, match=r"schedule\.inbox\.settle.*greater than or equal to 0.*-1"):
        settings({"inbox": {"settle": -1}})


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    ranges = st.tuples(number, number).map(sorted).map(lambda pair: f"{pair[0]}-{pair[1]}")
    steps = st.tuples(ranges | st.just("*"), st.integers(1, high)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.lists(st.just("*") | number.map(str) | ranges | steps, min_size=1, max_size=3).map(",".join)


@given(st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map(" ".join))
def test_what_we_take_prefect_takes_too(line: str) -> None:
    assert CronSchedule(cron=check_cron(line)).cron == line


def test_prefect_yaml_has_the_cron_lines_of_params_yaml_and_one_run_at_a_time(project: Path) -> None:
    deployments = yaml.safe_load((project / "prefect.yaml").read_text())["deployments"]
    offered = {each["entrypoint"].rsplit(".", 1)[-1]: each for each in deployments}
    schedule = load_params(project / "params.yaml").schedule
    assert set(offered) == {"inbox", "rescore", "retrain"}
    for name, deployment in offered.items():
        assert deployment["schedules"] == [{"cron": getattr(schedule, name).cron}]
        assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
