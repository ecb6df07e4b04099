"""``python -m bench.check_site``: the Nu HTML validator on a sample of the site and its mail.

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
        snapshot = snapshot_of(content, content_id=f"import-{number}", source="import")
        outbox.enqueue(snapshot, ["web"], snapshot.ended_at)
    for number in range(3):
        snapshot = live(number).model_copy(
            update={"approved": True, "visibility": get_args(Visibility)[number]}
        )
        outbox.enqueue(snapshot, SUMMARY_CHANNELS, snapshot.ended_at)
    JobRunner(data, Catalogue(connection), outbox, durable=False).run_due(live(0).ended_at + MINUTE)
    connection.close()


def validator() -> list[str] | None:
    """The command that validates, or None."""
    java = shutil.which("java")
    jar = Path(os.environ.get("VNU_JAR", "node_modules/vnu-jar/build/dist/vnu.jar"))
    return [java, "-jar", str(jar)] if java and jar.is_file() else None


def main() -> int:
    """Build, validate, print every error; returns 1 when there is one."""
    command = validator()
    if command is None:
        print("Needs Java and vnu.jar: npm install --ignore-scripts vnu-jar, or set VNU_JAR to its path.")
        return 2
    with tempfile.TemporaryDirectory(prefix="halcytone-check-") as folder:
        data = Path(folder) / "data"
        sample(data)
        output = ""
        for options in (
            ["--skip-non-html", str(data / "public"), str(data / "drafts")],
            ["--skip-non-css", str(data / "public" / "assets")],
        ):
            done = subprocess.run(
                [*command, "--format", "gnu", *options], capture_output=True, text=True, check=False
            )
            output += done.stdout + done.stderr
        output = output.replace(f"file:{data}/", "")
    print(output or "The Nu validator has nothing to say.")
    return 1 if "error" in output else 0


if __name__ == "__main__":
    sys.exit(main())
