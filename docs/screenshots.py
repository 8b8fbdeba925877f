"""Takes pictures of the Dagster UI with Debian's Chromium: `python docs/screenshots.py URL FOLDER`.

The pictures are for people to look at; nothing is asserted about them. A running `make dev` is enough.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# The batch is one of `make dev`'s default data.
PAGES = {
    "customer-partitions": "/assets/customer?view=partitions&partition=137..2136",
}
# The UI loads by script and over a web socket; this much virtual time lets both settle.
_VIRTUAL_MILLISECONDS = 30_000


def take(url: str, picture: Path) -> None:
    """Saves a picture of the page at `url`, 1600 by 1000 pixels."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Chromium is needed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as profile:
        command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += [f"--user-data-dir={profile}", "--window-size=1600,1000", "--hide-scrollbars"]
        command += [f"--virtual-time-budget={_VIRTUAL_MILLISECONDS}", f"--screenshot={picture}", url]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


def main(url: str, folder: Path) -> None:
    """Takes every page of PAGES."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in PAGES.items():
        take(url.rstrip("/") + path, folder / f"{name}.png")
        print(folder / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
