"""Horizontal bars: what is drawn, and what cannot be."""

import math
import re

import pytest

from pipelines.shared.pages.bars import NAMES, RIGHT, WIDTH, Bar, BarPlot


def svg(*bars):
    return BarPlot(title="Bars & names", label="decline", bars=bars).svg()


def widths(page):
    return [float(w) for w in re.findall(r'<rect[^>]* width="([\d.]+)"', page)]


def test_bars_are_as_long_as_their_values_from_zero():
    long, short, below = widths(svg(Bar("a", 2.0), Bar("b", 1.0), Bar("c", -1.0)))
    assert long == pytest.approx(2 * short, abs=0.2)
    assert short == below
    assert long + below <= WIDTH - NAMES - RIGHT + 0.1


def test_names_are_escaped_and_long_ones_cut_with_their_whole_name_as_tooltip():
    page = svg(Bar("<b>" + "x" * 60, 1.0))
    assert "<b>" not in page
    assert "x" * 36 + "…<title>&lt;b&gt;" + "x" * 60 in page


def test_what_is_not_finite_is_not_drawn():
    page = svg(Bar("a", 1.0, (0.5, 2.0)), Bar("b", math.nan, (math.nan, math.nan)))
    assert page.count("whisker") == 1
    assert "nan" not in re.sub(r">[^<]*<", "><", page)
    assert widths(svg(Bar("a", 0.0))) == [0.5]
