"""``python -m tests.journey.fuzz_api``: requests made from the OpenAPI document, against a real server.

Exit status 0 when no request was answered with a server error, and every answer has the form that the
document gives it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.journey.server import HEADERS, running_server

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


async def fuzz(examples: int, seed: int) -> int:
    """Run schemathesis over a fresh server; its exit status."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        no_limits = {"rate_requests_per_minute": "0", "rate_connections_per_minute": "0"}
        async with running_server(Path(folder) / "data", **no_limits) as server:
            run = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/api/openapi.json"),
                *("--header", f"Authorization: {HEADERS['Authorization']}"),
                *("--checks", ",".join(CHECKS), "--max-examples", str(examples), "--seed", str(seed)),
                *("--workers", "2", "--request-timeout", "40", "--warnings", "off", "--continue-on-failure"),
            )
            return await run.wait()


def main() -> int:
    """Parse and fuzz."""
    parser = argparse.ArgumentParser(prog="python -m tests.journey.fuzz_api", description=__doc__)
    parser.add_argument("--examples", type=int, default=50, help="requests per operation and phase (50)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    return asyncio.run(fuzz(asked.examples, asked.seed))


if __name__ == "__main__":
    sys.exit(main())
