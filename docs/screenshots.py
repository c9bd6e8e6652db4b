"""Takes the pictures in docs/images: `python docs/screenshots.py [DIR]`.

DIR holds the shipped projects with their runs; `examples/aarlund` when left out. Its
`handbook-desk` must have been climbed (`make demo`); `ticket-routing` is copied and climbed anew
for the picture of a live climb, which takes a minute or two. Needs Chromium, playwright and the
extra `ui`.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image, ImageColor
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI

from rung.project import ProjectFolder
from rung.report.html import write_report
from rung.report.reading import read_result
from rung.report.terminal import show
from rung.report.words import TECHNIQUE_COLOURS
from rung.task.load import load_task
from rung.ui.app import create_app, listen
from rung.ui.site import Site

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 200_000
WIDE = {"width": 1240, "height": 820}
TARGETS = ("#a3261d", "#f5998f")
"""Of the line that marks a target, in light and dark."""
OUT_OF_REACH = 0.97
"""A target that no rung without a language model reaches: the climb goes on long enough."""
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #16181b; }}
pre {{ display: inline-block; margin: 0; padding: 26px 30px; font: 14px/1.5 "DejaVu Sans Mono",
monospace; color: #e6e6e6; background: #16181b; }} {stylesheet}</style>
<pre><code style="font-family: inherit">{code}</code></pre>"""


def main() -> int:
    """Every picture anew."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "examples" / "aarlund"
    desk = folder / "handbook-desk"
    run = ProjectFolder(desk).newest_run()
    report = write_report(run, load_task(desk))
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as nowhere, sync_playwright() as control:
        chromium = shutil.which("chromium")
        browser = control.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        take = Camera(browser)
        take("report", report.as_uri())
        take("report-ladder", report.as_uri(), at="#ladder", scheme="dark")
        take("terminal", terminal(run, Path(nowhere)), at="pre")
        climbed = Path(shutil.copytree(folder / "ticket-routing", Path(nowhere) / "ticket-routing"))
        with_server(Site([folder]), lambda address: pages(take, address, run.name))
        site = Site([climbed])
        with_server(site, lambda address: live(take, address, site))
        browser.close()
    for path in sorted(IMAGES.glob("*.png")):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")
    return 0


class Camera:
    """Takes a picture of a page, or of an element of it, and keeps it small."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def __call__(
        self,
        name: str,
        address: str,
        *,
        at: str = "",
        scheme: str = "light",
        ready: Callable[[Any], None] = lambda page: None,
    ) -> None:
        """Open, wait until it is ready, take, keep."""
        page = self.browser.new_page(viewport=WIDE, color_scheme=scheme, device_scale_factor=1.5)
        page.goto(address)
        ready(page)
        shot = page.locator(at).first.screenshot() if at else page.screenshot()
        page.close()
        self.keep(name, shot)

    def keep(self, name: str, shot: bytes) -> None:
        """With all its colours where they fit, else with those that most pixels have."""
        image = Image.open(io.BytesIO(shot)).convert("RGB")
        for count in (None, 256, 96, 48):
            file = io.BytesIO()
            picture = image if count is None else image.quantize(palette=commonest(image, count))
            picture.save(file, "PNG", optimize=True)
            if file.tell() < MOST_BYTES:
                break
        (IMAGES / f"{name}.png").write_bytes(file.getvalue())


def commonest(image: Image.Image, count: int) -> Image.Image:
    """A palette: faint panels and small marks keep their own colour, only blends are rounded."""
    ours = [ImageColor.getrgb(hue) for hue in (*TECHNIQUE_COLOURS.values(), *TARGETS)]
    found = sorted(image.getcolors(1 << 24) or [], reverse=True)[: count - len(ours)]
    palette = Image.new("P", (1, 1))
    palette.putpalette([p for colour in (*ours, *(c for _, c in found)) for p in colour])
    return palette


def terminal(run: Path, nowhere: Path) -> str:
    """The end of a climb as a terminal shows it, as a page."""
    file = io.StringIO()
    console = Console(record=True, width=126, file=file, force_terminal=True)
    show(read_result(run)[0], console)
    path = nowhere / "terminal.html"
    path.write_text(console.export_html(theme=MONOKAI, code_format=TERMINAL), encoding="utf-8")
    return path.as_uri()


def pages(take: Camera, address: str, run: str) -> None:
    """The pages of `rung ui`."""
    desk = f"{address}/p/handbook-desk/runs/{run}"
    take("ui-cost", f"{desk}/cost?requests_per_month=2000000")


def live(take: Camera, address: str, site: Site) -> None:
    """A climb while it runs."""
    (project,) = site.shelf.projects.values()
    text = project.config.read_text().replace("score = 0.8\n", f"score = {OUT_OF_REACH}\n")
    project.config.write_text(text)
    shutil.rmtree(project.kept, ignore_errors=True)
    site.climbs.start(project, [])
    try:
        take("ui-live", f"{address}/p/{project.slug}", ready=well_under_way)
    finally:
        site.climbs.stop_all()


def well_under_way(page: Any) -> None:
    """Two candidates are done with and another is being asked."""
    page.wait_for_selector("#live tr.st-hopeless ~ tr.st-hopeless ~ tr.asked", timeout=180_000)
    page.locator("#climb").evaluate("e => scrollTo(0, e.offsetTop - 60)")
    page.wait_for_timeout(400)


def with_server(site: Site, use: Callable[[str], None]) -> None:
    """Use a server of the site at its address."""
    where = listen("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(create_app(site), log_level="warning", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, args=([where],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        use(f"http://127.0.0.1:{where.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(10)


if __name__ == "__main__":
    raise SystemExit(main())
