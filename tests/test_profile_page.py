"""The HTML page of a profile, in a real browser."""

from __future__ import annotations

import pytest

import browser
from tvmbind.profiling import Call, Report

pytestmark = pytest.mark.skipif(browser.chromium() is None, reason="there is no Chromium (apt-get install chromium)")
PHONE = 390


@pytest.fixture(scope="module")
def page() -> str:
    """Of a model with long names, tiny and large steps, two devices and odd characters."""
    kernel = "tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu"
    shapes = "float32[1, 256, 112, 112, 8], float32[4, 2, 3, 3, 8, 8], float32[1, 4, 1, 1, 8], float32[1, 4, 8, 8, 8]"
    calls = [Call(f"{kernel}_{n}", 1.7**n, shapes, "data NCHW8c, kernel OIHW8i8o, out NCHW8c") for n in range(30)]
    calls += [Call("a" * 200, 3.0), Call("<b>&amp;", 0.0, device="cuda0", calls=1000)]
    return Report(calls, 1e9, {"Runtime": "TVM <0.16>", "Note": "x" * 100}, "A title that is " + "long " * 30).html()


@pytest.mark.parametrize("width", [PHONE, 1200])
def test_it_fits_needs_nothing_and_has_no_errors(page: str, width: int) -> None:
    seen = browser.look(page, width)
    assert seen.width == width
    assert seen.needs <= width
    assert seen.requests == []
    assert seen.console == []


def test_the_browser_would_have_seen_it() -> None:
    """Each of the three, done wrong."""
    wrong = (
        '<!doctype html><div style="width: 500px">wide</div><img src="data:,nothing">'
        '<link rel="stylesheet" href="http://127.0.0.1:9/nowhere.css"><script>console.error("wrong")</script>'
    )
    seen = browser.look(wrong, PHONE)
    assert seen.needs > PHONE
    assert any("nowhere.css" in each for each in seen.requests)
    assert any("wrong" in each for each in seen.console)
