#!/usr/bin/env python3
"""Takes the README's picture of the audit page, in the middle of an audit, from a sweep that rests and may be judged.

    audit_picture.py TMDNE DIRECTORY docs/images/audit.png
"""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from webdriver import Browser  # noqa: E402


def main():
    tmdne, directory, output = sys.argv[1:]
    server = subprocess.Popen([tmdne, "web", directory, "--web", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    try:
        url = re.search(r"Pages: (\S+)", server.stderr.readline()).group(1)
        browser = Browser(width=1120, height=900)
        try:
            browser.open(url + "audit")
            browser.wait("return document.getElementById('caption').textContent !== ''")
            browser.type("#auditor", "Ada")
            browser.press("Enter")
            browser.click("#by-rows")
            judged = 48
            for number in range(judged):
                browser.press(*("5r" if number % 5 == 3 else "k"))
                browser.wait(f"return document.getElementById('tally').textContent.startsWith('{number + 1} of')")
            browser.press("2", "5")
            browser.wait("""return document.querySelectorAll('[aria-pressed=true]').length === 2
                && [...document.images].every(image => image.hidden || image.naturalWidth > 1)
                && document.getAnimations().every(animation => animation.playState !== 'running')""")
            browser.screenshot(output)
        finally:
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
