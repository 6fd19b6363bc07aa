"""Counts the instructions that a coordinator spends on a cell, with callgrind, and fails above a budget.

Times differ from machine to machine and from minute to minute; instructions hardly do. A coordinator runs under callgrind
while one simulated worker delivers every image of a sweep, once of few cells and once of more: the difference, divided by
the cells between, is what one cell costs from its claim to its acknowledgement, without start and end. Started by
scripts/instructions; needs valgrind.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from load import REPOSITORY, sweep

# BUDGET
BUDGET = 0
FEW, MANY = 40, 240


def instructions(tmdne, folder, cells):
    """Return the instructions of a coordinator that serves a sweep of so many cells from its start to its end."""
    file = sweep(folder / f"cells-{cells}.yaml", 1, cells, "64x64")
    profile = folder / f"callgrind-{cells}.out"
    # With GOMP_SPINCOUNT set the program does not start itself again, which valgrind would not follow.
    environment = os.environ | {"GOMP_SPINCOUNT": "1000"}
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", "-q"]
    command = [*valgrind, tmdne, "coordinator", str(file), "--output", str(folder / f"cells-{cells}")]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as coordinator:
        token = next(filter(None, (re.search(r"tmdne1_\S+", line) for line in coordinator.stdout))).group()
        simulate = [tmdne, "simulate", token, "--workers", "1", "--duration", "600"]
        subprocess.run(simulate, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        coordinator.communicate()
    if coordinator.returncode:
        raise SystemExit(f"instructions: the coordinator ended with {coordinator.returncode}")
    totals = re.search(r"^(?:summary|totals): (\d+)", profile.read_text(), re.MULTILINE)
    return int(totals.group(1))


def main():
    """Measure, print, and exit with 1 above the budget."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tmdne", type=Path, default=REPOSITORY / ".build" / "release" / "tmdne")
    parser.add_argument("--output", type=Path, default=REPOSITORY / ".build" / "instructions", help="deleted first")
    args = parser.parse_args()
    shutil.rmtree(args.output, ignore_errors=True)
    args.output.mkdir(parents=True)
    few, many = (instructions(str(args.tmdne), args.output, cells) for cells in (FEW, MANY))
    cost = (many - few) // (MANY - FEW)
    print(f"{cost} instructions a cell, {100 * cost / BUDGET:.0f} % of the budget of {BUDGET}")
    if cost > BUDGET:
        sys.exit("instructions: a cell costs the coordinator more than its budget")


if __name__ == "__main__":
    main()
