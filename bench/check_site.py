"""The Nu validator over a sample of the site and its mail: ``python -m bench.check_site``.

Needs Java, and ``vnu.jar``: named by ``VNU_JAR``, or from ``npm install --ignore-scripts vnu-jar``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import get_args

from bench.publish import lines, live
from engine.domain.channels import SUMMARY_CHANNELS
from engine.domain.instant import MINUTE
from engine.domain.labels import Visibility
from engine.storage.opening import database_of
from engine.storage.outbox import Outbox
from publisher.catalogue.published import Catalogue
from publisher.content import ANY_AGE, SessionContentStrict, snapshot_of
from publisher.jobs import JobRunner

_IMPORTED = 34


def sample(data: Path) -> None:
    """A site with imports, live sessions of every visibility, and their drafts."""
    data.mkdir(parents=True)
    connection = database_of(data).connect()
    outbox = Outbox(connection)
    for number, line in enumerate(lines(_IMPORTED)):
        content = SessionContentStrict.model_validate(json.loads(line), context=ANY_AGE)
        told = snapshot_of(content, content_id=f"import-{number}", source="import")
        outbox.enqueue(told, ["web"], told.ended_at)
    for number in range(3):
        told = live(number).model_copy(update={"approved": True, "visibility": get_args(Visibility)[number]})
        outbox.enqueue(told, SUMMARY_CHANNELS, told.ended_at)
    JobRunner(data, Catalogue(connection), outbox, durable=False).run_due(live(0).ended_at + MINUTE)
    connection.close()


def validator() -> list[str] | None:
    """The command that validates, or None."""
    java = shutil.which("java")
    jar = Path(os.environ.get("VNU_JAR", "node_modules/vnu-jar/build/dist/vnu.jar"))
    return [java, "-jar", str(jar)] if java and jar.is_file() else None


def main() -> int:
    """Build, validate, print what is wrong; the exit status says whether anything is."""
    command = validator()
    if command is None:
        print("Needs Java and vnu.jar: npm install --ignore-scripts vnu-jar, or set VNU_JAR to its path.")
        return 2
    with tempfile.TemporaryDirectory(prefix="halcytone-check-") as folder:
        data = Path(folder) / "data"
        sample(data)
        told = ""
        for options in (
            ["--skip-non-html", str(data / "public"), str(data / "drafts")],
            ["--skip-non-css", str(data / "public" / "assets")],
        ):
            done = subprocess.run(
                [*command, "--format", "gnu", *options], capture_output=True, text=True, check=False
            )
            told += done.stdout + done.stderr
        told = told.replace(f"file:{data}/", "")
    print(told or "The Nu validator has nothing to say.")
    return 1 if "error" in told else 0


if __name__ == "__main__":
    sys.exit(main())
