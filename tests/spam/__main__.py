"""``python -m tests.spam``: the score that SpamAssassin gives each kind of letter, in every language; 1 or more fails."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.publisher.mail.letters import letters, string_files
from tests.publisher.studio_data import Publisher

LIMIT = 1.0
"""Mail programs sort out what reaches 5; others have set 2."""
_SCORE = re.compile(r"^X-Spam-Status: .*?score=(-?[\d.]+).*?tests=([A-Z0-9_,\s]*)", re.M | re.S)


def judged(message: bytes) -> tuple[float, str]:
    """The score, and the names of the rules that it comes from; without asking the network."""
    said = subprocess.run(["spamassassin", "-L", "-t"], input=message, capture_output=True, check=True).stdout
    found = _SCORE.search(said.decode("utf-8", "replace"))
    assert found is not None, said[:1000]
    return float(found[1]), re.sub(r"\s+", "", found[2])


def main() -> int:
    """Judge them all; 1 when one is too high."""
    if shutil.which("spamassassin") is None:
        sys.stdout.write("Needs SpamAssassin (Debian: apt-get install spamassassin).\n")
        return 2
    now = time.time_ns() // 1_000_000
    worst = 0.0
    for language in string_files():
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as judges:
            publisher = Publisher(Path(folder))
            made = dict(letters(publisher, language, now))
            publisher.close()
            for name, (score, rules) in zip(made, judges.map(judged, made.values()), strict=True):
                worst = max(worst, score)
                sys.stdout.write(f"{score:5.1f}  {language}  {name}  {rules}" + "\n")
    sys.stdout.write(f"Highest: {worst:.1f}, and it has to be below {LIMIT:.1f}." + "\n")
    return int(worst >= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
