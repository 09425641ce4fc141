"""Pictures of Dagster's UI for the documentation, in real Chromium.

`python docs/tools/picture_ui.py http://127.0.0.1:3000 --scenario market_floor` while `make ui` runs
on a workspace whose demo has ended. Needs `pip install playwright` and Chromium on the path, which
the project itself doesn't use. Each page is taken 1600 and 1280 pixels wide; look at each.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

GROUPS = ("configuration", "data", "encoding", "training", "validation", "what_is_served")
IMAGES = Path(__file__).parents[1] / "images"


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--scenario", default="market_floor")
    parser.add_argument("--into", type=Path, default=IMAGES)
    options = parser.parse_args()
    pages = {
        "graph": f"/asset-groups?expanded={','.join(f'slora:__repository__:{g}' for g in GROUPS)}",
        "overview": "/overview/activity/timeline?groupBy=job&hourWindow=1h",
        "adapter": f"/assets/scenario_adapter?view=partitions&partition={options.scenario}",
        "verdict": f"/assets/scenario_validation?view=partitions&partition={options.scenario}",
        "sensor": "/locations/slora/sensors/new_footage",
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for width in (1600, 1280):
            page = browser.new_page(viewport={"width": width, "height": 1000})
            for name, path in pages.items():
                take(page, options.address + path, options.into / f"ui_{name}_{width}.png")
        browser.close()


def take(page: Page, address: str, file: Path) -> None:
    """Open a page, wait until it has settled, and keep its picture."""
    page.goto(address)
    page.wait_for_load_state("load")
    page.wait_for_timeout(8000)  # the UI keeps polling: it is never idle
    page.screenshot(path=str(file))
    print(file.name)


if __name__ == "__main__":
    main()
