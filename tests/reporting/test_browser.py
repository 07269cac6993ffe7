"""The page in a browser: nothing is fetched, nothing goes wrong, filters, order and keys do what they say.

Chromium is driven from a page that holds the report in a frame of its own; what it finds is read from the DOM that
Chromium prints at the end. Where there is no Chromium these tests cannot run: `apt-get install chromium`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on PATH: apt-get install chromium")

# Runs behind the page's own script, in the page itself, and leaves what it finds in the title.
PROBE = """
<script>
window.addEventListener("load", () => {
  const found = { errors: window.problems };
  const list = document.getElementById("face-list");
  const visible = () => Array.from(list.children).filter((face) => !face.hidden);
  const choose = (id, value) => {
    const box = document.getElementById(id);
    box.value = value;
    box.dispatchEvent(new Event("change"));
    return visible();
  };
  const key = (name, target) => target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
  const more = document.getElementById("more");
  found.few = visible().length;
  found.offered = more.hidden ? "" : more.textContent;
  more.click();
  found.more = !more.hidden;
  found.all = visible().length;
  found.filters = !document.getElementById("filters").hidden;
  found.missed = choose("kind", "missed").map((face) => face.dataset.kinds);
  found.said = document.getElementById("shown").textContent;
  choose("kind", "");
  found.sources = choose("source", "elsewhere").map((face) => face.dataset.source);
  choose("source", "");
  found.high = choose("order", "high").map((face) => Number(face.dataset.p));
  found.near = choose("order", "near").map((face) => Number(face.dataset.margin));
  choose("order", "given");
  const [first, second] = visible();
  first.focus();
  key("ArrowRight", first);
  found.right = document.activeElement === second;
  key("ArrowLeft", second);
  found.left = document.activeElement === first;
  key("ArrowDown", first);
  found.below = document.activeElement.offsetTop > first.offsetTop;
  key("Enter", first);
  found.opened = first.querySelector("details").open;
  document.activeElement.blur(); // a face in focus shows its map
  const map = list.querySelector(".map");
  const opacity = () => getComputedStyle(map).opacity;
  found.maps = [opacity()];
  key("m", document.body);
  found.maps.push(opacity());
  found.requests = performance.getEntriesByType("resource").filter((each) => !each.name.startsWith("data:")).length;
  found.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  document.title = JSON.stringify(found);
});
</script>
"""
WATCH = """<script>
window.problems = [];
window.addEventListener("error", (event) => problems.push(event.message));
window.addEventListener("securitypolicyviolation", (event) => problems.push(event.blockedURI));
</script>"""


def opened(html: str, folder: Path, width: int) -> dict[str, Any]:
    """Open the page, with the probe in it, in a window of this width; returns what the probe found."""
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)  # else it would not let the probe run
    page = folder / "probed.html"
    page.write_text(html.replace("<head>", "<head>" + WATCH).replace("</body>", PROBE + "</body>"), encoding="utf-8")
    dom = chromium(folder, f"--window-size={width},900", "--dump-dom", page.as_uri())
    title = re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
    assert title is not None
    found: dict[str, Any] = json.loads(title[1].replace("&amp;", "&"))
    return found


def chromium(folder: Path, *words: str) -> str:
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    options += ["--virtual-time-budget=20000", "--enable-logging=stderr"]
    done = subprocess.run([str(BROWSER), *options, *words], capture_output=True, text=True, check=True, timeout=300)
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("width", [500, 1280])
def test_filters_order_and_keys_work_and_nothing_is_fetched_or_goes_wrong(
    html: str, finished: Any, tmp_path: Path, width: int
) -> None:
    found = opened(html, tmp_path, width)
    assert found["errors"] == []
    assert found["requests"] == 0
    assert found["filters"] is True
    assert found["all"] > found["few"] == 32
    assert found["offered"] == f"Show all {found['all']}"
    assert found["more"] is False
    assert found["all"] > len(found["missed"]) > 0
    assert all("missed" in kinds.split() for kinds in found["missed"])
    assert found["said"] == f"{len(found['missed'])} of {found['all']}"
    assert set(found["sources"]) == {"elsewhere"}
    assert found["high"] == sorted(found["high"], reverse=True)
    assert found["near"] == sorted(found["near"])
    assert found["right"] and found["left"] and found["below"] and found["opened"]  # noqa: PT018
    assert found["maps"] == ["0", "1"]
    assert found["wide"] is False, "the page itself never scrolls to the side"


def test_as_it_is_the_page_runs_its_own_script_and_no_other(html: str, tmp_path: Path) -> None:
    """Its policy lets a browser run the script that it came with; one that a file's name brought in would not run."""
    page = tmp_path / "page.html"
    strange = html.replace("</body>", "<script>document.title = 'strange'</script></body>")
    page.write_text(strange, encoding="utf-8")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    words = [str(BROWSER), *options, "--virtual-time-budget=5000", "--dump-dom", page.as_uri()]
    dom = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300).stdout
    assert "<title>strange" not in dom
    assert re.search(r'<output id="shown"[^>]*>\d+ of \d+</output>', dom)
