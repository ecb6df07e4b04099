"""The templates: compiled once, each replaceable by a file of the same name in the studio's own folder.

A template of the studio's that cannot be compiled or fails while rendering is reported with file and line,
and the built-in one takes its place.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import structlog
from jinja2.runtime import Context

from publisher.rendering import resources
from publisher.rendering.charts import figure_of
from publisher.rendering.studio import Studio

__all__ = ["Templates", "built_in"]

_log = structlog.get_logger(__name__)

Report = Callable[[str], None]


class _Loader(jinja2.FileSystemLoader):
    """Looks into the studio's folder first, past what is known to be broken there."""

    def __init__(self, own: Path | None, built_in: Iterable[Path]) -> None:
        super().__init__([*([own] if own else []), *built_in])
        self._own = own
        self.broken: set[str] = set()

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        if template in self.broken:
            own, self.searchpath = self.searchpath, self.searchpath[1:]
            try:
                return super().get_source(environment, template)
            finally:
                self.searchpath = own
        return super().get_source(environment, template)


@jinja2.pass_context
def _t(context: Context, key: str, **values: object) -> str:
    """The studio's words for a key: ``{{ t('home.coming') }}``."""
    studio: Studio = context["studio"]
    return studio.words(key, **values)


class Templates:
    """Renders templates by name, such as ``email/summary.html``; HTML and XML escape what is put into them."""

    def __init__(
        self,
        own: Path | None = None,
        *,
        report: Report | None = None,
    ) -> None:
        self._own = own if own is not None and own.is_dir() else None
        self._report = report or (lambda told: _log.warning("template_broken", problem=told))
        self._loader = _Loader(self._own, [resources.path("templates"), resources.path("site") / "theme"])
        self.environment = jinja2.Environment(
            loader=self._loader,
            autoescape=lambda name: name is None or not name.endswith(".txt"),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
        )
        self.environment.globals["figure_of"] = figure_of
        self.environment.globals["t"] = _t
        self._check_own()

    def render(self, name: str, **context: Any) -> str:
        """The text of a template.

        Raises:
            jinja2.TemplateError: the built-in template cannot be rendered with this context.
        """
        while True:
            try:
                return self.environment.get_template(name).render(context)
            except Exception as error:
                if not self.disable_custom(error):
                    raise

    def disable_custom(self, error: BaseException) -> bool:
        """Whether the studio's own template is to blame; if so it is reported and no longer used."""
        if self._own is None:
            return False
        blamed = self._blamed(error)
        if blamed is None or blamed[0] in self._loader.broken:
            return False
        name, line = blamed
        self._loader.broken.add(name)
        # Compiled templates keep what they extend and include by name: all are compiled again.
        if self.environment.cache is not None:
            self.environment.cache.clear()
        self._report(f"templates/{name}, line {line}: {error}; the built-in template is used")
        return True

    def _blamed(self, error: BaseException) -> tuple[str, int] | None:
        assert self._own is not None
        if isinstance(error, jinja2.TemplateSyntaxError) and error.filename:
            places = [(error.filename, error.lineno)]
        else:
            places = [
                (f.filename, f.lineno or 0) for f in reversed(traceback.extract_tb(error.__traceback__))
            ]
        for file, line in places:
            if Path(file).is_relative_to(self._own):
                return Path(file).relative_to(self._own).as_posix(), line
        return None

    def _check_own(self) -> None:
        if self._own is None:
            return
        for file in sorted(self._own.rglob("*")):
            if not file.is_file():
                continue
            try:
                self.environment.get_template(file.relative_to(self._own).as_posix())
            except jinja2.TemplateSyntaxError as error:
                self.disable_custom(error)
            except UnicodeDecodeError:
                name = file.relative_to(self._own).as_posix()
                self._loader.broken.add(name)
                self._report(f"templates/{name}, line 1: not UTF-8; the built-in template is used")


@cache
def built_in() -> Templates:
    """The templates as they come, compiled once."""
    return Templates()
