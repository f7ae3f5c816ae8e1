"""The progress of long commands: its text, and who sees it."""

from __future__ import annotations

import io

import pytest

from stoker import progress
from stoker.progress import Progress, Usage, own_rank


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rate_and_time_left_are_those_of_the_last_seconds() -> None:
    bar = Progress("statistics")
    bar.done, bar.total = 0, 9000
    assert bar.text(0.0).endswith("0/9000")
    bar.done = 100
    assert bar.text(10.0).endswith("100/9000, 10 images/s, 14:50 left")
    bar.done = 300
    assert bar.text(20.0).endswith("300/9000, 20 images/s, 7:15 left")
    bar.done = 4000
    for now in range(21, 40):
        bar.text(float(now))
    assert bar.text(40.0).endswith("4000/9000")  # nothing came in the last ten seconds
    bar.done = 4010
    assert bar.text(50.0).endswith(", 1:23:10 left")


@pytest.mark.parametrize(
    ("cpu_s", "moved", "bound"),
    [
        (19.0, 0, "bound by the CPU"),
        (17.0, 10**12, "bound by the CPU"),
        (3.0, 850_000_000, "bound by storage (85 MB/s)"),
        (3.0, 1000, "waiting"),
    ],
)
def test_the_bottleneck_follows_from_what_the_process_used(cpu_s: float, moved: int, bound: str) -> None:
    bar = Progress("pack", threads=2)
    bar.done, bar.total = 0, 100
    bar.text(0.0, Usage(1.0, 50))
    bar.done = 50
    assert bar.text(10.0, Usage(1.0 + cpu_s, 50 + moved)).endswith(f" left, {bound}")


def test_a_busy_process_is_bound_by_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = Progress("pack", threads=1)
    bar.done, bar.total = 0, 100
    first = progress.time.monotonic()
    bar.text(first)
    while progress.time.monotonic() < first + 0.3:
        pass
    bar.done = 50
    assert bar.text(progress.time.monotonic()).endswith("bound by the CPU")


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    stream = Terminal()
    bar = Progress("pack", stream=stream, rank=0)
    bar(50, 100)
    assert stream.getvalue() == f"\r\033[Kpack [{'#' * 15}{'.' * 15}] 50/100"
    bar(51, 100)  # too soon to be drawn
    assert "51/100" not in stream.getvalue()
    bar.end()
    assert stream.getvalue().endswith("50/100\r\033[K")


def test_elsewhere_there_is_a_plain_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    bar = Progress("pack", stream=stream, rank=0)
    for second in range(70):
        now[0] = 100.0 + second
        bar(second * 10, 1000)
    bar.end()
    lines = stream.getvalue().splitlines()
    assert lines == ["pack 300/1000, 10 images/s, 1:10 left", "pack 600/1000, 10 images/s, 0:40 left"]
    bar.end("in 70 s")
    assert stream.getvalue().endswith("690 images in 70 s\n")


def test_other_ranks_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    for bar in (Progress("pack", stream=stream, rank=1), Progress("pack", stream=stream, rank=3)):
        bar(50, 100)
        bar.end("done")
    assert stream.getvalue() == ""
    monkeypatch.setenv("RANK", "2")
    Progress("pack", stream=stream)(50, 100)
    assert stream.getvalue() == ""
    monkeypatch.setenv("RANK", "0")
    Progress("pack", stream=stream)(50, 100)
    assert "50/100" in stream.getvalue()


def test_the_rank_is_the_launchers() -> None:
    assert own_rank({}) == 0
    assert own_rank({"SLURM_PROCID": "3"}) == 3
    assert own_rank({"RANK": "1", "SLURM_PROCID": "3"}) == 1
    assert own_rank({"RANK": "first"}) == 0
