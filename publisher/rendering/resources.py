"""Finds the data folders ``templates`` and ``site``, in an installed package as in a checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

__all__ = ["path"]


def path(name: Literal["templates", "site"]) -> Path:
    """The folder of that name: inside the installed package, else beside the package in a checkout.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    package = Path(str(files("publisher")))
    for folder in (package / "_data" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the folder {name!r} of Halcytone Live is missing: install it again")
