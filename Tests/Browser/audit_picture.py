#!/usr/bin/env python3
"""Takes the README's picture of the audit page from a sweep that rests; judges nothing.

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
        browser = Browser(width=1120, height=790)
        try:
            browser.open(url + "audit")
            browser.wait("return document.getElementById('caption').textContent !== ''")
            browser.type("#auditor", "Ada")
            browser.press("Enter")
            browser.wait("return document.getElementById('image').naturalWidth > 1")
            browser.press("s", "s", "s", "s", "5")
            browser.wait("return document.querySelector('[aria-pressed=true]') && document.getElementById('image').complete")
            browser.screenshot(output)
        finally:
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
