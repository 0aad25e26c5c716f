"""The report: whole, safe, and without a console error in a real browser."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from headless import browser

from spectra import Stack, Variable
from spectra.report import write_figures, write_report, write_tables
from spectra.results import Column, Record, Results, Table
from spectra.xrd import Peaks

HOSTILE = "<script>alert(1)</script>"


def record(n=12):
    x = np.arange(20.0, 40.0, 0.02)
    y = 50 + 900 * np.exp(-(((x - 30) / 0.1) ** 2)) + 400 * np.exp(-(((x - 33) / 0.1) ** 2))
    counts = np.random.default_rng(0).poisson(np.tile(y, (n, 1)))
    counts[3:4] = 0
    stack = Stack.from_arrays(
        x,
        counts,
        noise="counts",
        names=tuple(f"{HOSTILE}{i}" for i in range(n)),
        variables={
            "time": Variable(60.0 * np.arange(n), "s"),
            "voltage": Variable(np.linspace(3, 4, n), "V"),
        },
        title=f"A title with {HOSTILE}",
        metadata={"simulated": True},
    )
    peaks = Peaks()(stack)
    table = Table("other", (Column("value", "V", "something", stderr=True),), default="value")
    columns = {"value": np.sin(np.arange(float(n))), "value_stderr": np.full(n, 0.1)}
    other = Results(table, columns, np.zeros(n, np.int8), variables=stack.variables)
    return Record({"peaks": peaks, "other": other}, stack)


class Checker(HTMLParser):
    """Counts open elements and collects what a page would load."""

    void = frozenset({"meta", "link", "br", "img", "input", "hr"})

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.headings = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.void:
            self.open.append(tag)
        self.loads += [v for k, v in attrs if k in ("src", "href") and v]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_balanced_self_contained_and_escaped(tmp_path):
    path = write_report(record(), tmp_path / "r.html", extra_sections=[("Extra", "<p>told</p>")])
    text = path.read_text()
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert all(v.startswith(("data:", "#")) for v in checker.loads)
    assert checker.headings[0] == 1
    assert max(np.diff(checker.headings)) <= 1
    assert HOSTILE not in text
    assert "SIMULATED DATA" in text
    assert "<p>told</p>" in text
    assert "all values are zero" in text


@pytest.mark.parametrize("n", [1, 2])
def test_short_sequences(tmp_path, n):
    assert write_report(record(n), tmp_path / "r.html").is_file()


def test_without_patterns_or_results(tmp_path):
    whole = record()
    assert write_report(replace(whole, stack=None), tmp_path / "a.html").is_file()
    assert write_report(replace(whole, steps={}), tmp_path / "b.html").is_file()


def test_tables_and_figures(tmp_path):
    paths = write_tables(record(), tmp_path / "tables")
    text = paths[0].read_text()
    assert "center (deg): peak position" in text
    assert "center_stderr[p01]" in text
    figures = write_figures(record(), tmp_path / "figures")
    assert {p.suffix for p in figures} == {".pdf", ".png"}
    assert {"patterns.png", "fit_best.png"} <= {p.name for p in figures}


def console(page, tmp_path, size="1280,2000"):
    """What a page writes to the console, and its finished elements."""
    arguments = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
    arguments += ["--no-first-run", "--disable-background-networking", "--disable-sync"]
    arguments += ["--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}"]
    arguments += [f"--window-size={size}", "--virtual-time-budget=20000"]
    arguments += ["--enable-logging=stderr", "--v=0", "--dump-dom", page.resolve().as_uri()]
    ran = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    lines = [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
    return lines, ran.stdout


@pytest.mark.browser
@pytest.mark.parametrize("size", ["1280,2000", "390,2000"])
def test_browser_opens_it_without_a_console_error(tmp_path, size):
    path = write_report(record(), tmp_path / "r.html")
    lines, dom = console(path, tmp_path, size)
    assert lines == []
    assert 'data-ready="yes"' in dom
    assert dom.count("main-svg") > 4


@pytest.mark.browser
def test_the_browser_check_can_fail(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<!doctype html><script>undefinedFunction()</script>")
    assert any("undefinedFunction" in line for line in console(page, tmp_path)[0])
