"""Every benchmark runs alone, on little data here, and ends with one line of JSON with its ratios."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
LITTLE = {
    "bg_nbd.py": ["--customers", "3000"],
    "intake.py": ["--rows", "3000", "--repeats", "1"],
    "simulate.py": ["--customers", "500", "1000"],
    # a panel without gaps takes the same road as one with gaps
    "linkage.py": ["--rows", "3000", "--repeats", "1", "--kinds", "gaps", "ols"],
    # smaller companies hold too few ratings of rivals for the picture of loyalty; one size is measured once
    "sliders.py": [
        *("--customers", "10000", "10000", "--moves", "2"),
        *("--names", "loyalty", "margin", "event", "lag", "points"),
    ],
    "counts.py": ["--rows", "3000", "--customers", "200", "--repeats", "1"],
    "survival.py": [
        *("--spells", "3000", "--person-months", "30000", "--sizes", "20000", "30000"),
        *("--rows", "3000", "--repeats", "1"),
    ],
    "training.py": [
        *("--rows", "3000", "--clusters", "50", "--draws", "20", "--refits", "5"),
        *("--branches", "30", "--months", "12", "--repeats", "1"),
    ],
}


def test_every_runnable_benchmark_is_known_here():
    # transactions.py is the generator that counts.py reads from, processes.py runs the peers, and the others
    # hold those of the benchmark they are named after
    parts = {"transactions.py", "processes.py"}
    parts |= {f"{name}_peers.py" for name in ("linkage", "survival", "training")}
    assert {path.name for path in BENCHMARKS.glob("*.py")} == {*LITTLE, *parts}


@pytest.mark.parametrize("name", LITTLE)
def test_a_benchmark_says_what_it_compares_and_ends_with_its_figures(name):
    script = BENCHMARKS / name
    assert "ompare" in script.read_text(encoding="utf-8").split('"""')[1]
    done = subprocess.run(
        [sys.executable, str(script), *LITTLE[name]], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    assert any(key.startswith("ratio_") for key in figures)
    assert figures["peak_mb"] > 0
