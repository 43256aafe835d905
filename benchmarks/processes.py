"""One peer of a benchmark as a process of its own: its seconds, processor seconds and peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path


def run(script: str, peer: str, path: Path, out: Path | None = None) -> dict[str, float]:
    """Run a script with ``--peer``, ``--file`` and perhaps ``--out``; end here if it fails."""
    command = [sys.executable, script, "--peer", peer, "--file", str(path)]
    started = time.perf_counter()
    process = subprocess.Popen([*command, *(["--out", str(out)] if out else [])])
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{peer} ended with exit code {process.returncode}; its error stands above")
    # Linux counts kilobytes, macOS bytes
    peak_mb = used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1024)
    return {"seconds": seconds, "cpu_seconds": used.ru_utime + used.ru_stime, "peak_mb": peak_mb}
