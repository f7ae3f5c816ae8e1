"""The page as a whole, and the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from stoker.reporting import advised, measured
from stoker.reporting.text import clean, duration
from stoker.reporting.trimming import TRIMS, trimmed

MAX_BYTES = 300_000

# Nothing is fetched and nothing runs: styles in the page are all that is allowed.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def report_html(profile: Any, advice: Any = None) -> str:
    """A page of less than 300,000 bytes that needs neither network nor scripts.

    Args:
        profile: A `stoker.profile` result, or its `to_dict()`; see docs/profile-format.md.
        advice: A `stoker.advise` result, or its `to_dict()`; None where there is none.

    Raises:
        ValueError: Not a profile, or not an advice.
    """
    whole, plans = _as_dict("profile", profile), None if advice is None else _as_dict("advice", advice)
    for trim in TRIMS:
        page = _page(trimmed(whole, trim), trimmed(plans, trim), is_whole=trim is TRIMS[0])
        if len(page.encode()) < MAX_BYTES:
            break
    return page


def _page(data: Mapping[str, Any], plans: Mapping[str, Any] | None, *, is_whole: bool) -> str:
    found = [
        measured.ceilings(data),
        measured.stages(data),
        measured.timeline_section(data),
        measured.scaling(data),
        measured.storage(data),
        measured.threads(data),
        advised.outcome(plans),
        advised.plans(plans),
        measured.bad_samples(data),
        measured.environment(data),
    ]
    sections = [section for section in found if section is not None]
    contents = "".join(f'<li><a href="#{each.anchor}">{each.title}</a></li>' for each in sections)
    loader = data["loader"]
    name = clean(" ".join(filter(None, (loader["kind"], "loader", loader.get("name")))))
    head = (
        f'<p class="soft">{name}, measured {clean(data.get("made_at") or "at a time not known")} in '
        f"{duration(data.get('measured_ns'))}</p>"
    )
    if loader.get("site"):
        head += f'<p class="soft">Iterated in {clean(loader["site"])}</p>'
    if not is_whole:
        head += '<p class="soft">Shortened, to stay small; the JSON has all of it.</p>'
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>stoker: {name}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#main">Skip to the findings</a>\n'
        f"<header>\n<h1>What bounds this loader</h1>\n{head}\n</header>\n"
        f'<nav aria-label="Contents"><ul>{contents}</ul></nav>\n'
        f'<main id="main" tabindex="-1">\n{measured.summary(data)}\n'
        + "\n".join(section.html() for section in sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def save_report(path: str | os.PathLike[str], profile: Any, advice: Any = None) -> None:
    """Writes `report_html` to `path`; a page under its own name is whole.

    Raises:
        ValueError: As `report_html`.
        OSError: It cannot be written.
    """
    page = report_html(profile, advice)
    unfinished = f"{os.fspath(path)}.part"
    with open(unfinished, "w", encoding="utf-8") as file:
        file.write(page)
    os.replace(unfinished, path)


def _as_dict(kind: str, given: Any) -> Mapping[str, Any]:
    data = given.to_dict() if hasattr(given, "to_dict") else given
    if not isinstance(data, Mapping) or not str(data.get("format", "")).startswith(f"stoker-{kind}-"):
        raise ValueError(
            f"report: {kind} must be what stoker.{kind if kind == 'profile' else 'advise'} gives, "
            f"got {given!r:.80}."
        )
    return data


def _style() -> str:
    return files("stoker.reporting").joinpath("report.css").read_text(encoding="utf-8")
