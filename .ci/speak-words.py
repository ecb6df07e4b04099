"""Make the spoken words of the pacer with eSpeak NG, in every language of the live pages: `make voice`.

Reads the words that the pacer shows from `engine/web/static/strings/LANGUAGE.js` and writes
`engine/web/static/voice/LANGUAGE/STEP.wav`: mono, 16 bits, 11.025 kHz, without the silence around the word, as loud as one
another. eSpeak NG (Debian: `apt-get install espeak-ng`) is under the GPL, version 3 or later. That licence covers the
program, not what it says: https://www.gnu.org/licenses/gpl-faq.html#WhatCaseIsOutputGPL. Nothing of it is shipped.
"""

from __future__ import annotations

import array
import re
import shutil
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

STATIC = Path(__file__).parents[1] / "engine" / "web" / "static"
VOICES = {"en": "en-gb+f3", "de": "de+f3", "fr": "fr+f3", "es": "es+f3"}
STEPS = ("inhale", "hold", "exhale", "rest")
WORDS_PER_MINUTE = "125"
QUIET = 200
"""Samples below this, of 32,768, are silence before and after a word."""
PEAK = 20_000
FADE = 110
"""Samples over which a word begins and ends, ten milliseconds."""


def word_of(language: str, step: str) -> str:
    """The word that the pacer shows for a step."""
    found = re.search(
        rf'"step\.{step}": "([^"]+)"', (STATIC / "strings" / f"{language}.js").read_text("utf-8")
    )
    assert found, (language, step)
    return found[1]


def spoken(word: str, voice: str, staging: Path) -> array.array[int]:
    """The samples of a word, trimmed and levelled."""
    file = staging / "word.wav"
    subprocess.run(
        ["espeak-ng", "-v", voice, "-s", WORDS_PER_MINUTE, "-p", "40", "-w", file, word], check=True
    )
    with wave.open(str(file)) as said:
        assert (said.getnchannels(), said.getsampwidth(), said.getframerate()) == (1, 2, 22_050)
        samples = array.array("h", said.readframes(said.getnframes()))
    # Half the rate, which is enough for one voice: each sample is the mean of its neighbours.
    around = zip(samples[:-2:2], samples[1:-1:2], samples[2::2], strict=False)
    samples = array.array("h", (round((one + 2 * two + three) / 4) for one, two, three in around))
    loud = [n for n, sample in enumerate(samples) if abs(sample) > QUIET]
    samples = samples[max(0, loud[0] - FADE) : loud[-1] + FADE]
    peak = max(map(abs, samples))
    last = len(samples) - 1
    edges = (min(1.0, n / FADE, (last - n) / FADE) for n in range(len(samples)))
    return array.array(
        "h", (round(sample * PEAK / peak * edge) for sample, edge in zip(samples, edges, strict=True))
    )


def main() -> None:
    """Write every file."""
    if not shutil.which("espeak-ng"):
        sys.exit("espeak-ng is missing: apt-get install espeak-ng")
    with tempfile.TemporaryDirectory() as staging:
        for language, voice in VOICES.items():
            folder = STATIC / "voice" / language
            folder.mkdir(parents=True, exist_ok=True)
            for step in STEPS:
                samples = spoken(word_of(language, step), voice, Path(staging))
                with wave.open(str(folder / f"{step}.wav"), "wb") as file:
                    file.setparams((1, 2, 11_025, len(samples), "NONE", ""))
                    file.writeframes(samples.tobytes())


if __name__ == "__main__":
    main()
