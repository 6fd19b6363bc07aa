#!/usr/bin/env python3
"""Drives a headless Chromium over a running sweep: the pages, the site, the film. See scripts/browser-test.

    browser_test.py TMDNE OUTPUT [--axe AXE.MIN.JS] [--large]

Screenshots and a report are left in OUTPUT. The exit code is 1 when something does not hold.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from webdriver import Browser  # noqa: E402

SWEEP = """\
name: browser-test
model: tmdne-tiny
seed: 52794693
sampler: dpmpp-2m-karras
steps: 6
size: 128x128
negative-prompt: bangs curls
prompts:
  - young woman with short red hair in posh bob style teaching math at a blackboard
  - old man with glasses <b>& "quotes"</b> teaching math at a blackboard
styles: [sai-photographic, none, cinematic-default]
guidance: {from: 5, to: 16, step: 1}
"""
PAGES = ["", "grid", "images", "audit", "heat"]
failures = []
report = []


def check(what, holds, detail=""):
    line = f"{'ok    ' if holds else 'FAILED'} {what}{f': {detail}' if detail != '' else ''}"
    print(line, flush=True)
    report.append(line)
    if not holds:
        failures.append(what)


class Coordinator:
    """A coordinator with pages, ended with the block."""

    def __init__(self, tmdne, *arguments):
        self.log = open(arguments[-1] + ".log", "w+")
        self.process = subprocess.Popen([tmdne, *arguments[:-1]], stdout=self.log, stderr=subprocess.STDOUT)
        self.name = arguments[-1] + ".log"
        self.url = self.find(r"Pages: (\S+)")

    def find(self, pattern, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(pattern, open(self.name).read())
            if found:
                return found.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"{pattern} never came: {open(self.name).read()}")

    def memory(self):
        status = open(f"/proc/{self.process.pid}/status").read()
        return {name: int(re.search(rf"{name}:\s+(\d+)", status).group(1)) // 1024 for name in ("VmRSS", "VmHWM")}

    def close(self):
        self.process.terminate()
        check("the coordinator ends on SIGTERM while a page listens", self.process.wait(timeout=30) in (0, 1))


def show(browser, folder, name):
    # Tiles appear softly; a picture of that shows colours that nobody chose.
    browser.wait("return document.getAnimations().every(animation => animation.playState !== 'running')")
    browser.screenshot(folder / f"{name}.png")


def test_live(browser, coordinator, tmdne, folder):
    url = coordinator.url
    browser.open(url + "grid")
    browser.wait("return document.querySelectorAll('.tile').length > 10")
    words = browser.run("return [...new Set([...document.querySelectorAll('.tile')].map(tile => tile.textContent))]")
    check("before a worker comes every tile says pending", words == ["pending"], words)
    show(browser, folder, "grid-pending")
    test_priorities(browser, url, tmdne, folder / "sweep")
    browser.open(url + "grid")
    browser.run("window.isSamePage = true")
    cache = folder / "cache"
    token = coordinator.find(r"tmdne worker (tmdne1_\S+)")
    worker = subprocess.Popen([tmdne, "worker", token, "--name", "one", "--cache", str(cache)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first = browser.wait("return document.querySelectorAll('.tile img').length", 60)
    show(browser, folder, "grid-filling")
    total = browser.run("return document.querySelectorAll('.tile').length")
    browser.wait(f"return document.querySelectorAll('.tile img').length === {total}", 120)
    check("the grid fills in by itself", browser.run("return window.isSamePage"), f"{first} of {total} tiles at first")
    browser.open(url)
    browser.wait("return document.getElementById('summary').textContent.startsWith('done')", 120)
    browser.wait("return document.querySelectorAll('#plot-rate rect').length > 0")
    show(browser, folder, "overview")
    worker.terminate()
    worker.wait(timeout=30)


def test_priorities(browser, url, tmdne, directory):
    browser.open(url)
    summary = "return document.getElementById('summary').textContent"
    subprocess.run([tmdne, "prioritise", directory, "--prompt", "old man"], check=True, stdout=subprocess.DEVNULL)
    browser.wait(summary + ".includes(' prioritised')", 20)
    count = int(re.search(r"(\d+) prioritised", browser.run(summary)).group(1))
    asked = json.loads(subprocess.run([tmdne, "status", directory, "--json"], check=True, capture_output=True).stdout)
    check("the overview tells how many images are prioritised", 0 < count == asked["prioritised"], browser.run(summary))
    subprocess.run([tmdne, "prioritise", directory, "--reset"], check=True, stdout=subprocess.DEVNULL)
    browser.wait(f"return !({summary[7:]}.includes(' prioritised'))", 20)


def check_host(browser, url, what, overtaken="no address is overtaken"):
    others = [address for address in browser.requested() if not address.startswith((url, "blob:", "data:"))]
    check(f"{what} asks another host", not others, others or "")
    problems = [problem for problem in browser.problems() if overtaken not in problem]
    check(f"{what} logs an error or breaks its content policy", not problems, problems or "")


def test_worker(tmdne, folder):
    """One slow image: the overview tells its step, and its board is read once it is there."""
    sweep = folder / "slow.yaml"
    decoder = pathlib.Path(__file__).resolve().parents[1] / "DiffusionTests/Goldens/vae-tiny/taesd_decoder.safetensors"
    sweep.write_text(f"name: slow\nmodel: tmdne-tiny\npreview: {decoder}\nsampler: euler\nsteps: 1000\nsize: 256x256\n"
                     "prompts: [old man teaching math at a blackboard, his twin]\nguidance: 7\n")
    coordinator = Coordinator(tmdne, "coordinator", str(sweep), "--output", str(folder / "slow"), "--listen", "127.0.0.1:0",
                              "--web", "127.0.0.1:0", "--stay", "--read-text", str(folder / "slow-run"))
    worker = subprocess.Popen([tmdne, "worker", coordinator.find(r"tmdne worker (tmdne1_\S+)"), "--name", "one", "--cache", str(folder / "cache")],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    browser = Browser()
    try:
        browser.open(coordinator.url)
        text = browser.wait("return document.querySelector('#workers .rendering')?.textContent", 60)
        device = browser.run("return document.querySelector('#workers tbody td:nth-child(2)').textContent")
        check("the overview tells which step of which image a worker renders, and on what device",
              re.search(r"(old man|his twin).*step \d+ of 1000", text) is not None and "cpu" in device.lower(), f"{text}; {device}")
        side = browser.wait("const p = document.querySelector('#workers img.preview'); return p?.complete && p.naturalWidth", 60)
        first = browser.run("return document.querySelector('#workers img.preview').src")
        check("and what the image will show", side == 128, first)
        show(browser, folder, "overview-rendering")
        browser.wait(f"const p = document.querySelector('#workers img.preview'); return p && p.src !== '{first}'", 60)
        browser.click("#workers .rendering a")
        browser.wait("return document.querySelector('.viewer')?.open")
        check("the image that is being rendered is shown as its state", browser.run("return document.querySelector('.viewer .empty').textContent") == "rendering")
        browser.wait("return document.querySelector('.viewer img.full').naturalWidth === 256", 120)
        browser.wait("return fetch('/api/measures').then(a => a.json()).then(m => m.sharpness.some(s => s !== null))", 60)
        browser.press("m")
        browser.wait("return document.querySelector('.details').textContent.includes('sharpness (hint)')")
        worker.terminate()
        worker.wait(timeout=60)
        browser.open(coordinator.url)
        browser.wait("return document.querySelector('#workers tbody td:nth-child(4)')?.textContent === '–'")
        check("which is gone when nothing is rendered", not browser.run("return document.querySelector('img.preview')"))
        browser.wait("return fetch('/api/measures').then(a => a.json()).then(m => m.letters.some(l => l !== null))", 60)
        browser.open(coordinator.url + "images")
        browser.wait("return document.getElementById('found').textContent.includes('of')")
        browser.run("const s = document.getElementById('sort'); s.value = 'letters'; s.dispatchEvent(new Event('input', {bubbles: true}))")
        read = browser.wait("return document.querySelector('.tile .text')?.textContent")
        check("what tesseract reads is counted as a hint", read.isdigit() and browser.run("return document.getElementById('unread').hidden"), read)
        # A preview is gone when its image is finished between the page's asking what there is and its asking for it.
        check_host(browser, coordinator.url, "no page of a sweep whose boards are read", overtaken="/previews/")
    finally:
        browser.close()
        worker.terminate()
        worker.wait(timeout=60)
        coordinator.close()


def test_encryption(tmdne, directory, folder):
    """The pages beyond loopback, looked at through loopback."""
    server = Coordinator(tmdne, "web", str(directory), "--web", "0.0.0.0:0", str(folder / "web"))
    browser = Browser(insecure=True)
    try:
        url = re.search(r"https://127\.0\.0\.1:\d+/", open(server.name).read()).group(0)
        fingerprint = server.find(r"\n  ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})\n")
        shown = subprocess.run(["openssl", "x509", "-in", str(directory / "web.pem"), "-noout", "-fingerprint", "-sha256"],
                               check=True, capture_output=True, text=True).stdout
        check("the certificate's fingerprint is printed", fingerprint in shown, fingerprint[:23] + "…")
        browser.open(url + "grid")
        check("a stranger is asked for the token", browser.run("return location.pathname") == "/login")
        show(browser, folder, "login")
        browser.type("#token", (directory / "join.secret").read_text().strip())
        browser.press("Enter")
        browser.wait("return location.pathname === '/'")
        browser.open(url + "grid")
        browser.wait("return document.querySelectorAll('.tile img').length > 10")
        check("whoever has shown it is let in, through TLS alone",
              browser.run("return location.protocol === 'https:' && isSecureContext && document.cookie === ''"))
        check("the encrypted pages log no error", not (problems := browser.problems()), problems)
    finally:
        browser.close()
        server.close()


def test_tabs(browser, url):
    for _ in range(8):
        browser.open_tab(url + "grid")
    holds = browser.wait("return document.querySelectorAll('.tile img').length > 10 && [...document.querySelectorAll('.tile img')].every(image => image.complete && image.naturalWidth)")
    check("nine tabs of a host with six connections all work", holds)
    browser.close_other_tabs()


def test_grid(browser, url, folder):
    browser.open(url + "grid")
    browser.wait("return document.querySelectorAll('.tile img').length > 10")
    browser.wait("return [...document.querySelectorAll('.tile img')].every(image => image.complete && image.naturalWidth)")
    show(browser, folder, "grid")
    browser.run("document.querySelector('.tile').focus()")
    browser.press("ArrowRight", "ArrowDown", "Enter")
    browser.wait("return document.querySelector('.viewer').open")
    caption = "return document.querySelector('.viewer .caption').textContent"
    check("arrow keys move over the grid and Enter opens", browser.run(caption).endswith("none · 6"), browser.run(caption))
    seen = []
    for _ in range(20):
        browser.press("ArrowRight")
        seen.append(browser.run(caption).split(" · ")[2])
    check("the right arrow scrubs guidance up to its end", seen[:10] == [str(g) for g in range(7, 17)] and seen[-1] == "16", seen[:4])
    browser.press("ArrowLeft", "ArrowUp")
    check("the left arrow goes back, the up arrow changes the style", browser.run(caption).endswith("sai-photographic · 15"), browser.run(caption))
    browser.wait("return document.querySelector('.viewer img.full').naturalWidth === 128")
    browser.press("f")
    browser.wait("return document.fullscreenElement?.querySelector('img.full')?.getBoundingClientRect().height > 100")
    browser.press("f")
    browser.wait("return document.fullscreenElement === null && document.querySelector('.viewer').open")
    check("an image takes the whole screen and gives it back", True)
    browser.press("m")
    browser.wait("return document.querySelector('.details').textContent.includes('52794693')")
    show(browser, folder, "viewer-details")
    browser.press("m", "c", "ArrowLeft", "ArrowLeft", "d")
    text = browser.wait("return document.querySelector('.difference figcaption')?.textContent")
    check("two images are shown beside one another and as their difference", re.search(r"mean \d", text) is not None, text)
    browser.wait("return [...document.querySelectorAll('.viewer img.full')].every(image => image.complete)")
    show(browser, folder, "viewer-difference")
    browser.press("Escape")
    check("Escape closes", not browser.run("return document.querySelector('.viewer').open"))
    browser.run("const s = document.getElementById('rows'); s.value = '*'; s.dispatchEvent(new Event('change'))")
    browser.wait("return document.querySelectorAll('#row-heads span').length >= 6")
    browser.run("const s = document.getElementById('columns'); s.value = 'prompt'; s.dispatchEvent(new Event('change'))")
    browser.wait("return document.querySelectorAll('#column-heads span').length === 2")
    check("any axis can be rows or columns", True)
    show(browser, folder, "grid-other-axes")


def test_second_look(browser, url, folder):
    """From an open image to its judgement, a closer look, and what the last key did; takes back what it says."""
    last = "return document.getElementById('last').textContent"
    browser.open(url + "grid?open=5")
    browser.wait("return document.querySelector('.viewer')?.open")
    browser.press("j")
    browser.wait("return document.getElementById('stage')?.dataset.position === '5'")
    check("an open image is one key from its judgement", browser.run("return location.pathname") == "/audit")
    browser.press("2", "r")
    browser.wait("return document.getElementById('last').textContent.includes('rejected')")
    check("the audit tells what the last key did", "rejected (hands)" in browser.run(last), browser.run(last))
    browser.open(url + "audit?position=5")
    browser.wait("return document.querySelector('[data-tag=hands]').ariaPressed === 'true'")
    browser.press("k")
    browser.wait("return document.getElementById('last').textContent.includes('kept')")
    browser.press("z")
    check("an image is looked at closely",
          browser.run("return document.getElementById('image').getBoundingClientRect().width / document.getElementById('glass').clientWidth") == 3)
    show(browser, folder, "audit-close")
    browser.press("z", "u")
    browser.wait("return document.querySelector('[data-tag=hands]').ariaPressed === 'false'")
    browser.press("u")
    browser.wait("return document.getElementById('tally').textContent.startsWith('0 of 72')")
    check("a second opinion and the first are taken back one by one", True)


def test_audit(browser, url, directory, folder):
    tally = "return document.getElementById('tally').textContent"
    browser.open(url + "audit")
    browser.wait("return document.getElementById('caption').textContent.includes('name')")
    browser.type("#auditor", "Ada")
    browser.press("Enter")
    browser.wait(f"return document.getElementById('tally').textContent.startsWith('0 of 72')")
    browser.wait("return document.getElementById('image').naturalWidth === 128")
    show(browser, folder, "audit")
    test_second_look(browser, url, folder)
    browser.open(url + "audit")
    browser.wait("return document.getElementById('tally').textContent.startsWith('0 of 72')")
    browser.press(*"kkk1r4rs")
    browser.wait("return document.getElementById('tally').textContent.startsWith('5 of 72 judged, 3 kept')")
    place = "return document.getElementById('stage').dataset.position"
    check("one key judges an image, and skipping judges nothing", browser.run(place) == "6", browser.run(tally))
    browser.press("u")
    browser.wait("return document.getElementById('stage').dataset.position === '5'")
    browser.press("u")
    browser.wait("return document.getElementById('stage').dataset.position === '4'")
    check("undo goes back over the skip and takes the last verdict back, with its reason",
          browser.run(tally).startswith("4 of 72") and browser.run("return document.querySelector('[data-tag=face]').ariaPressed") == "true")
    browser.press("r")
    browser.wait("return document.getElementById('tally').textContent.startsWith('5 of 72')")
    browser.open(url + "audit")
    browser.wait("return document.getElementById('stage').dataset.position === '5'")
    check("after a reload the audit goes on where it stopped", browser.run(tally).startswith("5 of 72 judged, 3 kept"))
    browser.press("n")
    browser.run("document.getElementById('note').value = 'six fingers'")
    browser.press("Enter", "6", "r")
    browser.wait("return document.getElementById('tally').textContent.startsWith('6 of 72')")
    browser.click("#by-rows")
    browser.wait("return document.querySelectorAll('#strip .tile').length === 12")
    show(browser, folder, "audit-rows")
    browser.press("a")
    browser.wait("return document.getElementById('tally').textContent.startsWith('12 of 72 judged, 9 kept')")
    browser.press(*"uuuuuu")
    browser.wait("return document.getElementById('tally').textContent.startsWith('6 of 72 judged, 3 kept')")
    check("one key keeps the rest of a row, and each of it can be undone", True)
    browser.click("#by-rows")
    # Another auditor, who sees no parameters and another order, and keeps the first ten images but one.
    browser.run("const a = document.getElementById('auditor'); a.value = 'Bob'; a.dispatchEvent(new Event('change'))")
    browser.wait("return document.getElementById('tally').textContent.startsWith('0 of 72')")
    browser.click("#blind")
    browser.wait("return document.getElementById('caption').textContent === ''")
    order = []
    for index in range(72):
        order.append(int(browser.run(place)))
        browser.press("k" if index % 3 else "r")
        browser.wait(f"return document.getElementById('tally').textContent.startsWith('{index + 1} of 72')")
    check("the blind order is shuffled and holds every image once", sorted(order) == list(range(72)) and order != sorted(order))
    check("the blind audit shows no parameters", browser.run("return document.getElementById('image').alt") == "The image to judge")
    browser.wait("return document.getElementById('caption').textContent === 'Everything is judged.'")

    said = collections.Counter()
    connection = sqlite3.connect(f"file:{directory}/sweep.db?mode=ro", uri=True)
    for auditor, verdict, count in connection.execute("SELECT auditor, verdict, count(*) FROM opinion_now GROUP BY 1, 2"):
        said[auditor, verdict] = count
    disputed = connection.execute("SELECT count(*) FROM verdict WHERE verdict = 'disputed'").fetchone()[0]
    connection.close()
    check("verdicts are in the database", said["Ada", "keep"] == 3 and said["Ada", "reject"] == 3 and sum(said.values()) == 78, dict(said))

    browser.open(url + "heat")
    browser.wait("return document.querySelectorAll('#map td[data-judged]').length > 10 && document.querySelectorAll('#agreement tbody tr').length")
    fields = browser.run("return [...document.querySelectorAll('#map tbody tr:not(:last-child) td:not(:last-child)')].map(td => [Number(td.dataset.judged ?? 0), Number(td.dataset.flawed ?? 0)])")
    check("the map of flaws counts every image on which auditors agree", sum(judged for judged, _ in fields) == 72 - disputed, f"{disputed} disputed")
    check("the agreement of the auditors is told", "6" in browser.run("return document.querySelector('#agreement tbody').textContent"),
          browser.run("return document.querySelector('#agreement tbody').innerText"))
    show(browser, folder, "heat")
    browser.run("const s = document.getElementById('auditor'); s.value = 'Ada'; s.dispatchEvent(new Event('change', {bubbles: true}))")
    browser.wait("return document.getElementById('total').textContent.startsWith('3 of 6')")
    check("one auditor alone can be asked", True)


def test_images(browser, url, folder):
    found = "return document.getElementById('found').textContent"
    browser.open(url + "images")
    browser.wait("return document.getElementById('found').textContent === '72 of 72 images'")
    browser.type("#text", "old man")
    browser.wait("return document.getElementById('found').textContent === '36 of 72 images'")
    browser.run("const s = document.querySelector('[data-axis=style]'); s.value = 'none'; s.dispatchEvent(new Event('change')); ")
    browser.wait("return document.getElementById('found').textContent === '12 of 72 images'")
    check("images are filtered by prompt and style", browser.run(found) == "12 of 72 images")
    browser.wait("return fetch('/api/measures').then(a => a.json()).then(m => m.sharpness.every(v => v !== null))", 60)
    browser.open(url + "images")
    browser.wait("return document.querySelectorAll('.tile').length > 10")
    browser.run("const s = document.getElementById('sort'); s.value = 'sharpness'; s.dispatchEvent(new Event('input', {bubbles: true}))")
    values = browser.wait("return [...document.querySelectorAll('.tile .text')].map(t => [Number(t.parentElement.dataset.index), Number(t.textContent)]).sort((a, b) => a[0] - b[0]).map(v => v[1])")
    check("images are sorted by what was measured", len(values) > 10 and values == sorted(values), values[:4])
    show(browser, folder, "images")


def test_looks(url, folder):
    phone = Browser(width=390, height=780, dark=True, mobile=True)
    try:
        for page in PAGES:
            phone.open(url + page)
            time.sleep(1.2)
            wide = phone.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if page == "audit":
                phone.type("#auditor", "Eve")
                phone.press("Enter")
                phone.wait("return document.getElementById('image').naturalWidth === 128")
                phone.open(url + page)
                phone.wait("return document.getElementById('image').naturalWidth === 128")
                ends = phone.run("return [...document.querySelectorAll('#keep, #reject, #tags button')].map(button => button.getBoundingClientRect().bottom)")
                check("a phone shows the image, the verdicts and all reasons at once", max(ends) <= 780, f"the last ends at {max(ends):.0f} of 780")
            check(f"/{page} fits a phone", wide <= 0, f"{wide} pixels too wide" if wide > 0 else "")
            show(phone, folder, f"phone-{page or 'overview'}")
        check("the phone's pages log no error", not (problems := phone.problems()), problems)
    finally:
        phone.close()


def test_axe(browser, addresses, axe):
    for name, address in addresses:
        browser.open(address)
        time.sleep(1)
        browser.run(pathlib.Path(axe).read_text() + "; return true")
        found = browser.run_async("const done = arguments[arguments.length - 1]; axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}).then(r => done(r.violations.map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 120)])))")
        check(f"{name} has no accessibility fault that axe finds", not found, found or "")


def tidy(name, html):
    result = subprocess.run(["tidy", "-q", "-e", "--doctype", "html5", "--drop-empty-elements", "no"], input=html, capture_output=True, text=True)
    # This tidy is older than two attributes: https://www.w3.org/TR/wai-aria-1.1 and HTML's lazy loading.
    known = ('attribute "aria-current"', 'attribute "loading"')
    complaints = [line for line in result.stderr.splitlines() if not any(words in line for words in known)]
    check(f"{name} is valid HTML", not complaints, complaints[:3] or "")


def test_site(browser, tmdne, directory, folder):
    public = folder / "public"
    subprocess.run([tmdne, "site", str(directory), "-o", str(public)], check=True, stdout=subprocess.DEVNULL)
    kept = len(list((public / "images").iterdir()))
    home = f"file://{public}/index.html"
    browser.requested()
    browser.open(home)
    browser.wait("return document.getElementById('picture').naturalWidth === 128")
    show(browser, folder, "site-home")
    seen = set()
    for _ in range(30):
        browser.click("#another")
        seen.add(browser.run("return document.getElementById('picture').src"))
    check("the site shows another image each time, from file://", len(seen) > min(5, kept - 2), f"{len(seen)} of {kept}")
    name = sorted(path.stem for path in (public / "images").iterdir())[0]
    browser.open(f"file://{public}/wall.html")
    browser.wait("return document.querySelector('.wall img').naturalWidth > 0")
    beside = browser.run("return new Set([...document.querySelectorAll('.wall img')].map(image => image.getBoundingClientRect().top)).size")
    check("the site's wall has several images in a row", beside <= kept / 4, f"{kept} images in {beside} rows")
    show(browser, folder, "site-wall")
    browser.open(f"{home}#{name}")
    browser.wait(f"return document.getElementById('picture').src.endsWith('{name}.webp')")
    check("a permalink shows its image and stays with it", browser.run("return document.getElementById('pause').ariaPressed") == "true")
    browser.open(f"file://{public}/grid.html")
    browser.wait("return document.querySelectorAll('#grid img').length > 0")
    show(browser, folder, "site-grid")
    browser.open(f"file://{public}/flaws.html")
    show(browser, folder, "site-flaws")
    check("the site loads nothing from elsewhere", not (others := [url for url in browser.requested() if not url.startswith(("file://", "data:"))]), others)
    phone = Browser(width=390, height=780, dark=True, mobile=True)
    try:
        for path in sorted(public.glob("*.html")):
            phone.open(f"file://{path}")
            wide = phone.wait("return document.readyState === 'complete' && String(document.documentElement.scrollWidth - document.documentElement.clientWidth)")
            check(f"the site's {path.name} fits a phone", int(wide) <= 0, f"{wide} pixels too wide" if int(wide) > 0 else "")
            show(phone, folder, f"phone-site-{path.stem}")
    finally:
        phone.close()
    for path in sorted(public.glob("*.html")):
        tidy(f"the site's {path.name}", path.read_text())
    return [(f"the site's {path.name}", f"file://{path}") for path in sorted(public.glob("*.html"))]


def probe(path):
    answer = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-of", "json", "-show_entries",
         "stream=codec_name,pix_fmt,avg_frame_rate,nb_read_frames,width,height:format=duration", str(path)], check=True, capture_output=True, text=True)
    parsed = json.loads(answer.stdout)
    return {**parsed["streams"][0], **parsed["format"]}


def test_films(tmdne, directory, folder):
    links = folder / "flat"
    subprocess.run([tmdne, "export", str(directory), "--links", str(links), "--name", "image({n}).png", "--kept"], check=True, stdout=subprocess.DEVNULL)
    count = len(list(links.iterdir()))
    film = folder / "slideshow.mp4"
    command = subprocess.run([tmdne, "slideshow", str(directory), "-o", str(film)], check=True, capture_output=True, text=True).stderr.splitlines()[0]
    facts = probe(film)
    check("the film is H.264 in yuv420p with 30 frames a second", (facts["codec_name"], facts["pix_fmt"], facts["avg_frame_rate"]) == ("h264", "yuv420p", "30/1"))
    check("the film shows each kept image for 3 seconds", int(facts["nb_read_frames"]) == 90 * count, f"{facts['nb_read_frames']} frames, {count} images, {facts['duration']} s")
    film.unlink()
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)
    check("the printed command makes the same film", probe(film) == facts)
    original = 'ffmpeg -y -v error -framerate 1/3 -pattern_type glob -i "image\\([0-9]*\\).png" -c:v libx264 -r 30 -pix_fmt yuv420p original.mp4'
    subprocess.run(original, shell=True, check=True, cwd=links)
    check("the original command works on the flat links", int(probe(links / "original.mp4")["nb_read_frames"]) == 90 * count)
    for name, codec in [("fade.webm", "vp9"), ("captions.gif", "gif")]:
        options = ["--fade"] if "fade" in name else ["--captions", "--order", "guidance"]
        subprocess.run([tmdne, "slideshow", str(directory), "-o", str(folder / name), *options], check=True, capture_output=True)
        facts = probe(folder / name)
        check(f"{name} is made", facts["codec_name"] == codec and abs(float(facts["duration"]) - 3 * count) < 3.1, facts)
    frames = folder / "fade-%d.png"
    subprocess.run(["ffmpeg", "-y", "-v", "error", "-ss", "2.75", "-i", str(folder / "fade.webm"), "-frames:v", "1", str(frames)], check=True)


def test_large(tmdne, folder, source):
    """10,000 images: what the browser needs to paint the grid, and the coordinator in memory."""
    file = folder / "large.yaml"
    prompts = "\n".join(f"  - mathematician number {index}" for index in range(100))
    file.write_text(SWEEP.split("prompts:")[0].replace("browser-test", "large") + f"prompts:\n{prompts}\nstyles: none\nguidance: {{from: 1, to: 10.9, step: 0.1}}\n")
    directory = folder / "large"
    arguments = ["coordinator", str(file), "--output", str(directory), "--listen", "127.0.0.1:0", "--web", "127.0.0.1:0", "--stay", str(folder / "large-plan")]
    Coordinator(tmdne, *arguments).close()
    images = sorted(source.glob("images/*/*.png"))
    connection = sqlite3.connect(directory / "sweep.db")
    with connection:
        connection.execute("INSERT INTO worker (id, identity, name, device, program, connected, done, seconds, first_seen_at, last_seen_at) VALUES (1, ?, 'one', 'cpu', 'test', 0, 10000, 1000, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z')", ["1" * 32])
        shard = connection.execute("SELECT min(id) FROM shard").fetchone()[0]
        connection.execute("INSERT INTO attempt (id, lease, shard, worker, state, granted_at, ended_at) VALUES (1, ?, ?, 1, 'finished', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:01.000Z')", ["2" * 32, shard])
        for number, (cell,) in enumerate(connection.execute("SELECT id FROM cell").fetchall()):
            sha256 = f"{number:04x}" * 16
            path = directory / "images" / sha256[:2] / f"{sha256}.png"
            path.parent.mkdir(exist_ok=True)
            os.link(images[number % len(images)], path)
            connection.execute("INSERT INTO image VALUES (?, ?, 1000, 1, 0, ?)", [cell, sha256, f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000Z"])
            connection.execute("INSERT INTO timing (cell, encode, denoise, decode, png, upload) VALUES (?, 0.1, 1, 0.2, 0.01, 0.01)", [cell])
        connection.execute("UPDATE cell SET state = 'done'")
    connection.close()
    coordinator = Coordinator(tmdne, "coordinator", str(directory), "--listen", "127.0.0.1:0", "--web", "127.0.0.1:0", "--stay", str(folder / "large-run"))
    start = time.monotonic()
    while len(list(directory.glob("thumbs/*/*.webp"))) < 10000:
        time.sleep(0.5)
        if time.monotonic() - start > 300:
            break
    seconds = time.monotonic() - start
    check("10,000 thumbnails and measures are made", seconds < 300, f"{seconds:.0f} s")
    browser = Browser(width=1600, height=1000)
    try:
        times = []
        for _ in range(3):
            browser.open("about:blank")
            browser.open(coordinator.url + "grid?rows=prompt&columns=guidance")
            browser.wait("return document.querySelectorAll('.tile img').length > 20 && [...document.querySelectorAll('.tile img')].every(i => i.complete)")
            times.append(browser.run("""
                const paint = performance.getEntriesByName('first-contentful-paint')[0].startTime;
                const drawn = performance.getEntriesByName('grid-drawn')[0].startTime;
                const images = Math.max(...performance.getEntriesByType('resource').filter(r => r.name.includes('/thumbs/')).map(r => r.responseEnd));
                return [paint, drawn, images, document.querySelectorAll('.tile').length].map(Math.round)"""))
        check("the grid of 10,000 images is painted within a second", all(drawn < 1000 for _, drawn, _, _ in times),
              "first paint, tiles drawn, all visible images loaded (ms), tiles in the document: " + str(times))
        frames = browser.run_async("""
            const done = arguments[arguments.length - 1], body = document.getElementById('tiles'), frames = [];
            let last = performance.now();
            const frame = (now) => {
                frames.push(now - last); last = now; body.scrollTop += 120;
                if (frames.length < 200) requestAnimationFrame(frame); else done(frames.sort((a, b) => a - b).map(Math.round));
            };
            requestAnimationFrame(frame);""")
        check("it scrolls smoothly", frames[190] < 100, f"frames without a GPU: median {frames[100]} ms, 95 of 100 within {frames[190]} ms, slowest {frames[-1]} ms")
        show(browser, folder, "grid-10000")
        browser.open(coordinator.url + "images")
        browser.wait("return document.getElementById('found').textContent.startsWith('10000 of')")
        check("the large pages log no error", not (problems := browser.problems()), problems)
    finally:
        browser.close()
    memory = coordinator.memory()
    check("the coordinator's memory is bounded", memory["VmHWM"] < 400, f"{memory} MiB")
    coordinator.close()
    shutil.rmtree(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tmdne")
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--axe", help="axe.min.js, the accessibility engine")
    parser.add_argument("--large", action="store_true", help="measure with 10,000 images too")
    options = parser.parse_args()
    folder = options.output.absolute()
    folder.mkdir(parents=True)
    sweep = folder / "sweep.yaml"
    sweep.write_text(SWEEP)
    directory = folder / "sweep"
    coordinator = Coordinator(options.tmdne, "coordinator", str(sweep), "--output", str(directory), "--listen", "127.0.0.1:0",
                              "--web", "127.0.0.1:0", "--stay", str(folder / "coordinator"))
    browser = Browser()
    try:
        url = coordinator.url
        test_live(browser, coordinator, options.tmdne, folder)
        test_grid(browser, url, folder)
        test_tabs(browser, url)
        test_audit(browser, url, directory, folder)
        test_images(browser, url, folder)
        test_worker(options.tmdne, folder)
        test_looks(url, folder)
        for page in PAGES + ["login"]:
            tidy(f"/{page}", urllib.request.urlopen(url + page).read().decode())
        addresses = [(f"/{page}", url + page) for page in PAGES + ["login"]]
        check_host(browser, url, "no page")
        addresses += test_site(browser, options.tmdne, directory, folder)
        if options.axe:
            browser.problems()
            test_axe(browser, addresses, options.axe)
        test_films(options.tmdne, directory, folder)
    finally:
        browser.close()
        coordinator.close()
    test_encryption(options.tmdne, directory, folder)
    if options.large:
        test_large(options.tmdne, folder, directory)
    (folder / "report.txt").write_text("\n".join(report) + "\n")
    print(f"{len(report) - len(failures)} of {len(report)} checks hold; screenshots are in {folder}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
