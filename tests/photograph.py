"""A card as a reader of the Hub sees it: rendered to HTML, and photographed by Chromium."""

import re
import shutil
import subprocess
from pathlib import Path

from markdown_it import MarkdownIt

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
STYLE = """
body { margin: 0; font: 16px/1.6 "Source Sans Pro", "DejaVu Sans", sans-serif; }
main { padding: 16px; max-width: WIDTHpx; margin: auto; }
.light { background: #fff; color: #1f2937; } .dark { background: #0b0f19; color: #d1d5db; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 14px; }
td, th { border: 1px solid #8886; padding: 3px 9px; }
pre { background: #8882; padding: 10px; overflow-x: auto; } code { font-size: 13px; background: #8882; }
a { color: #3b82f6; }
"""


def page(folder, *, width=700, dark=False):
    """The HTML of a folder's card, without its header."""
    text = (folder / "README.md").read_text()
    body = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL))
    )
    style = STYLE.replace("WIDTH", str(width))
    shade = "dark" if dark else "light"
    return (
        f'<base href="{Path(folder).resolve().as_uri()}/"><meta charset="utf-8"><style>{style}</style>'
        f'<body class="{shade}"><main>{body}</main>'
    )


def photograph(folder, target, *, width=700, height=3000, dark=False):
    """Write a picture of a folder's card."""
    html = Path(target).with_suffix(".html")
    html.write_text(page(folder, width=width, dark=dark))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += ["--allow-file-access-from-files", f"--screenshot={target}", f"--window-size={width},{height}"]
    subprocess.run([*command, html.resolve().as_uri()], check=True, capture_output=True, timeout=120)
