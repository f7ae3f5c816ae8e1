"""report.html: what is in it, that nothing can be put into it, and how a browser shows it."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import made_profiles
import pytest

from stoker.profiling import Profile
from stoker.reporting import report_html, save_report
from stoker.reporting.charts import batch_lanes, ticks
from stoker.reporting.text import clean, duration, figure, size

VOID = {"meta", "br", "img", "link", "input", "hr", "base"}
# SVG elements that the report closes by themselves.
CLOSED = {"rect", "path", "line", "circle", "polyline"}


class Page(HTMLParser):
    """Checks that tags nest, and gathers what is asked about."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in CLOSED
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


ORDINARY = (made_profiles.profile(), made_profiles.advice())
HOSTILE = (made_profiles.hostile_profile(), made_profiles.hostile_advice())
EMPTY = made_profiles.empty_profile()


# ---- what is in it ----


def test_every_part_has_a_drawing_and_a_table_with_the_numbers() -> None:
    html = report_html(*ORDINARY)
    page = Page(html)
    text = " ".join(page.text)
    assert [each["id"] for each in page.all("section")] == [
        "ceilings", "stages", "timeline", "scaling", "storage", "threads", "outcome", "plans",
        "bad-samples", "environment",
    ]  # fmt: skip
    assert len(page.all("figure")) == 7
    assert len([each for each in page.all("svg") if each["role"] == "img"]) == 7
    assert len(page.all("caption")) == len(page.all("table")) >= 10
    for said in (
        "Training is bound by decoding: jpeg takes 70 % of the CPU time of a sample.",
        "1.35 ms",  # decode, of a sample
        "1,495 samples/s",  # at three threads
        "4,200 samples/s",  # eight readers, cold
        "2,340 samples/s",  # predicted
        "2,190 samples/s",  # measured
        "3.4 epochs",  # pays from
        "train/n01/0007.jpg",
        "libjpeg-turbo 2.1.5",
        "fused: horizontal_flip, normalize",
        "Iterated in train.py: main:30 > run:12",
        "two loaders count as one",
    ):
        assert said in text, said


@pytest.mark.parametrize("data", [ORDINARY, HOSTILE, (EMPTY, None)], ids=["ordinary", "hostile", "empty"])
def test_the_page_is_small_and_stands_alone(data: Any) -> None:
    html = report_html(*data)
    assert len(html.encode()) < 300_000
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "link", "iframe", "object", "base", "form"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert not [attributes for _, attributes in page.tags if {"src", "style", "xlink:href"} & set(attributes)]
    assert all(each["href"].startswith("#") for each in page.all("a"))
    (policy,) = (each for each in page.all("meta") if "http-equiv" in each)
    assert policy["content"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    for each in page.all("svg"):
        if each.get("role") == "img":
            assert set(each["aria-labelledby"].split()) <= set(ids)
    for target in page.all("a"):
        assert target["href"][1:] in ids


def test_foreign_text_stays_text() -> None:
    html = report_html(*HOSTILE)
    page = Page(html)
    text = "".join(page.text)
    assert "<script>document.title='run'</script>.jpg" in text  # as text
    assert "<script" not in html
    assert "\\u202egpj.exe" in text
    assert "\\x1b[31mred\\x00.jpg" in text
    assert "byte\\udcff.jpg" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)


def test_what_was_not_measured_is_said() -> None:
    page = Page(report_html(EMPTY))
    text = " ".join(page.text)
    assert text.count("Not measured.") == 4  # stages, timeline, scaling, storage
    assert "No sample failed." in text
    assert "No advice was asked for" in text
    assert page.all("svg") == []


def test_a_long_list_says_how_much_is_left_out() -> None:
    data = copy.deepcopy(made_profiles.profile())
    data["bad_samples"] *= 100
    data["samples"]["bad"] = 4321
    assert "The first 100 of 4321 samples that failed" in report_html(data)
    advice = made_profiles.advice()
    advice["plans"] += [advice["plans"][0]] * 200
    assert "84 more are in the JSON." in report_html(data, advice)
    assert "Shortened" in report_html(*HOSTILE)
    assert "Shortened" not in report_html(data)


def test_a_real_profile_object_is_taken_and_saved(tmp_path: Path) -> None:
    profile = Profile.from_dict(made_profiles.profile())
    profile.save_report(tmp_path / "report.html", made_profiles.advice())
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert html == report_html(profile.to_dict(), made_profiles.advice())
    assert "1.35 ms" in html


@pytest.mark.parametrize("given", [{}, {"format": "stoker-advice-1"}, 7, None])
def test_anything_else_is_refused(given: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"profile must be what stoker\.profile gives"):
        save_report(tmp_path / "report.html", given)
    assert list(tmp_path.iterdir()) == []


def test_pieces() -> None:
    assert clean("<&'\"\u200b") == "&lt;&amp;&#x27;&quot;\\u200b"
    assert [duration(ns) for ns in (0, 999, 1500, 2.5e6, 61e9, None)] == [
        "0 ns", "999 ns", "1.5 µs", "2.5 ms", "1.02 min", "not known",
    ]  # fmt: skip
    assert [size(count) for count in (12, 1.5e3, 2e9)] == ["12 B", "1.5 kB", "2 GB"]
    assert [figure(value) for value in (0.0, 1.234, 99.96, 1234.5)] == ["0", "1.23", "100", "1,234"]
    assert ticks(2755.2) == [0, 1000, 2000]
    assert ticks(0.7) == pytest.approx([0, 0.2, 0.4, 0.6])
    events = [
        {"step": "decode", "batch": 0, "begin_ns": 0, "end_ns": 5},
        {"step": "decode", "batch": 1, "begin_ns": 3, "end_ns": 9},
        {"step": "store", "batch": 0, "begin_ns": 6, "end_ns": 8},
        {"step": "decode", "batch": 2, "begin_ns": 9, "end_ns": 12},
        {"step": "starved", "batch": None, "begin_ns": 0, "end_ns": 99},
        {"step": "next", "batch": 1, "begin_ns": 0, "end_ns": 99},  # the trainer's, who waits for it
    ]
    assert batch_lanes(events) == [[(0, 0, 8), (2, 9, 12)], [(1, 3, 9)]]


# ---- in a browser ----


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright to steer a browser with")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with playwright.sync_playwright() as started:
        path = path or started.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("no Chromium here (apt-get install chromium, or playwright install chromium)")
        chromium = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """A function (data, width, scheme) -> page; nothing may be complained of or fetched on the way."""
    contexts, complaints = [], []

    def open_it(data: Any, width: int = 1280, scheme: str = "light") -> Any:
        save_report(tmp_path / "report.html", *data)
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on(
            "request",
            lambda request: complaints.append(request.url) if "report.html" not in request.url else None,
        )
        page.goto((tmp_path / "report.html").as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("data", [ORDINARY, HOSTILE], ids=["ordinary", "hostile"])
def test_the_page_fits_its_window(open_page: Any, data: Any, width: int) -> None:
    page = open_page(data, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Drawings are as wide as the text, their letters as large as on any other screen.
    for box in page.evaluate(
        "[...document.querySelectorAll('figure > svg')].map(e => e.getBoundingClientRect())"
    ):
        assert 0.85 * min(width, 1120) <= box["width"] <= width
        assert box["height"] > 30
    assert page.evaluate("getComputedStyle(document.querySelector('svg text')).fontSize") == "12px"


def test_hostile_names_do_nothing(open_page: Any) -> None:
    page = open_page(HOSTILE)
    assert page.title() != "run"
    assert page.locator("h1").count() == 1
    assert page.locator("script, img").count() == 0
    assert page.locator("section").count() == 10


CONTRAST = """
() => {
  const light = text => {
    const [r, g, b] = text.match(/[\\d.]+/g).map(Number)
      .map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if (!color.endsWith(', 0)')) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const least = {};
  for (const e of document.querySelectorAll(
      'h1, h2, p, a, dt, dd, th, td, caption, figcaption, li, summary, svg text')) {
    if (e.classList.contains('skip') || !e.textContent.trim()) continue;
    const style = getComputedStyle(e);
    let behind = ground(e);
    if (e.classList.contains('on-batch')) behind = getComputedStyle(document.querySelector('.batch')).fill;
    const [a, b] = [light(e.namespaceURI.endsWith('svg') ? style.fill : style.color), light(behind)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    least[e.tagName] = Math.min(least[e.tagName] || 99, ratio);
  }
  return least;
}
"""


def test_text_stands_out_in_light_and_dark(open_page: Any) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        page = open_page(ORDINARY, scheme=scheme)
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        for tag, ratio in page.evaluate(CONTRAST).items():
            assert ratio >= 4.5, (scheme, tag)
    assert len(grounds) == 2


def test_the_keyboard_reaches_everything_in_order(open_page: Any) -> None:
    page = open_page(ORDINARY)
    places = []
    for _ in range(60):
        page.keyboard.press("Tab")
        place = page.evaluate(
            "() => { const e = document.activeElement; if (e === document.body) return null;"
            " const box = e.getBoundingClientRect();"
            " return [e.tagName, e.className || e.getAttribute('href') || '', box.top + scrollY,"
            " getComputedStyle(e).outlineStyle, box.left]; }"
        )
        if place is None:
            break
        places.append(place)
    tags = [place[0] for place in places]
    assert places[0][1] == "skip"
    assert places[0][4] >= 0  # seen once it has the focus
    assert tags[1:11] == ["A"] * 10
    assert [place[1] for place in places[11:-1]] == ["scroll"] * page.locator(".scroll").count()
    assert tags[-1] == "SUMMARY"
    tops = [place[2] for place in places[1:]]
    assert tops == sorted(tops)
    assert all(place[3] == "solid" for place in places)  # the focus is seen
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("details pre").is_visible()
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_screen_reader_is_told_what_is_drawn(open_page: Any) -> None:
    page = open_page(ORDINARY)
    drawings = page.get_by_role("img")
    assert drawings.count() == page.locator("figure").count() == 7
    assert page.get_by_role("img", name="CPU time of a sample, step after step").count() == 1
    assert page.get_by_role("region", name="CPU time by step").count() == 1
    table = page.get_by_role("table", name="CPU time by step")
    assert table.get_by_role("columnheader").all_inner_texts()[:2] == ["step", "kind"]
    assert table.get_by_role("rowheader").all_inner_texts()[1] == "jpeg"
    assert page.get_by_role("heading", level=2).first.inner_text() == "What each resource allows"
