#!/usr/bin/env python3
"""Counts the instructions that a coordinator spends on a cell, and fails when they have become many more.

callgrind counts what a coordinator executes for a sweep of few cells and for one of many, delivered by one worker that
renders nothing (`tmdne simulate`) over TLS; the difference, divided by the cells, is the path of a cell: claim, offer,
image, checks, files, commit, answer. Unlike seconds the figure does not depend on what else the machine does. scripts/test
ends with it. Exit code 1: too many. 3: they could not be counted here.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from load import REPOSITORY, Coordinator, sweep

# Three runs gave 3.99, 4.06 and 4.09 million. A path that costs a quarter more is a regression.
EXPECTED = json.loads((REPOSITORY / "Benchmarks" / "instructions.json").read_text(encoding="utf-8"))
FEW, MANY = 40, 140


def stripped(tmdne, folder):
    """Copy the program without its debug information, which valgrind 3.19 does not understand."""
    copy = folder / "tmdne"
    subprocess.run(["strip", "--strip-debug", "-o", copy, tmdne], check=True)
    return copy


def shim(folder):
    """Build what keeps valgrind alive."""
    source, library = REPOSITORY / "Benchmarks" / "sigsuspend.c", folder / "sigsuspend.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)


def instructions(tmdne, folder, cells):
    """Count what a coordinator executes from its start until a sweep of so many cells is done."""
    counts, output = folder / f"callgrind-{cells}", folder / f"sweep-{cells}"
    plan = sweep(folder / f"cells-{cells}.yaml", prompts=1, guidances=cells, size="128x128")
    callgrind = ["valgrind", "--tool=callgrind", "--fair-sched=yes", f"--callgrind-out-file={counts}", "--quiet", tmdne]
    serve = ["coordinator", plan, "--output", output, "--listen", "127.0.0.1:0", "--no-web"]
    coordinator = Coordinator("env", f"LD_PRELOAD={folder / 'sigsuspend.so'}", *callgrind, *serve)
    command = [tmdne, "simulate", coordinator.token, "--workers", "1", "--duration", "600"]
    try:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=900)
        coordinator.process.wait(timeout=120)
    finally:
        coordinator.process.kill()
    return int(re.search(r"^(?:summary|totals): (\d+)", counts.read_text(), re.MULTILINE).group(1))


def count(tmdne):
    """Count both sweeps; return the instructions of a cell."""
    if not shutil.which("valgrind"):
        raise SystemExit("there is no valgrind; run: sudo apt-get install valgrind")
    # With these set the program does not start itself again, out of valgrind's sight.
    os.environ |= {"GOMP_SPINCOUNT": "1", "SWIFT_BACKTRACE": "enable=no", "TMDNE_MODELS": str(REPOSITORY / "Models")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy = stripped(tmdne, folder)
        shim(folder)
        few, many = (instructions(copy, folder, cells) for cells in (FEW, MANY))
    return (many - few) // (MANY - FEW)


def main():
    """Count, print a line of JSON, and say whether it is too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tmdne", type=Path, default=REPOSITORY / ".build" / "release" / "tmdne")
    args = parser.parse_args()
    try:
        measured = count(args.tmdne)
    except (SystemExit, OSError, subprocess.SubprocessError) as problem:
        print(f"instructions: not counted: {problem}", file=sys.stderr)
        sys.exit(3)
    print(json.dumps({"work": "coordinator, a cell", "instructions": measured, "expected": EXPECTED["cell"]}))
    if measured > 1.25 * EXPECTED["cell"]:
        sys.exit("instructions: a cell costs the coordinator over a quarter more than Benchmarks/instructions.json says")


if __name__ == "__main__":
    main()
