"""The Jinja2 templates: compiled once, each replaceable by a file of the same name in the studio's own folder.

A template of the studio's own that does not compile, or fails while rendering, is reported with file and line, and
the built-in one is used.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
import structlog
from jinja2.bccache import Bucket
from jinja2.runtime import Context

from publisher.rendering import resources
from publisher.rendering.charts import figure_of
from publisher.rendering.studio import Studio

__all__ = ["Templates", "built_in", "templates_of"]

_log = structlog.get_logger(__name__)

Report = Callable[[str], None]


class _Loader(jinja2.FileSystemLoader):
    """Looks into the studio's own folder first, except for templates that are known to be broken there."""

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


class _CompiledTemplates(jinja2.BytecodeCache):
    """Compiled templates in memory: a changed ``studio.toml`` makes new environments of the same templates."""

    def __init__(self) -> None:
        self._compiled: dict[str, tuple[str, CodeType | None]] = {}
        """Each with the checksum of its source."""

    def load_bytecode(self, bucket: Bucket) -> None:
        checksum, code = self._compiled.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.checksum, bucket.code


_COMPILED = _CompiledTemplates()


@jinja2.pass_context
def _t(context: Context, key: str, **values: object) -> str:
    """The translated string of a key: ``{{ t('home.coming') }}``."""
    studio: Studio = context["studio"]
    return studio.words(key, **values)


class Templates:
    """Renders templates by name, such as ``email/summary.html``; all but ``.txt`` escape what is put into them."""

    def __init__(
        self,
        own: Path | None = None,
        *,
        report: Report | None = None,
        broken: Iterable[str] = (),
    ) -> None:
        """``own``: the folder of the studio's own; ``broken``: those in it that are known to fail."""
        self._own = own if own is not None and own.is_dir() else None
        self._report = report or (lambda problem: _log.warning("template broken", problem=problem))
        self._loader = _Loader(self._own, [resources.path("templates"), resources.path("site") / "theme"])
        self._loader.broken.update(broken)
        self.environment = jinja2.Environment(
            loader=self._loader,
            autoescape=lambda name: name is None or not name.endswith(".txt"),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
            bytecode_cache=_COMPILED,
        )
        self.environment.globals["figure_of"] = figure_of
        self.environment.globals["t"] = _t
        self._check_own()

    @property
    def own(self) -> Path | None:
        """The folder of the studio's own."""
        return self._own

    @property
    def broken(self) -> frozenset[str]:
        """Templates of the studio's own that are not used because they fail."""
        return frozenset(self._loader.broken)

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
        """Stop using the template of the studio's own that raised ``error``, and report it; False where none did."""
        if self._own is None:
            return False
        failed = self._failed_template(error)
        if failed is None or failed[0] in self._loader.broken:
            return False
        name, line = failed
        self._loader.broken.add(name)
        # Compiled templates refer by name to those that they extend or include: compile all of them again.
        if self.environment.cache is not None:
            self.environment.cache.clear()
        self._report(f"templates/{name}, line {line}: {error}; the built-in template is used")
        return True

    def _failed_template(self, error: BaseException) -> tuple[str, int] | None:
        assert self._own is not None
        if isinstance(error, jinja2.TemplateSyntaxError) and error.filename:
            locations = [(error.filename, error.lineno)]
        else:
            locations = [
                (f.filename, f.lineno or 0) for f in reversed(traceback.extract_tb(error.__traceback__))
            ]
        for file, line in locations:
            if Path(file).is_relative_to(self._own):
                return Path(file).relative_to(self._own).as_posix(), line
        return None

    def _check_own(self) -> None:
        if self._own is None:
            return
        for file in sorted(self._own.rglob("*")):
            if not file.is_file() or file.relative_to(self._own).as_posix() in self._loader.broken:
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
    """The built-in templates alone, compiled once per process."""
    return Templates()


def templates_of(own: Path) -> Templates:
    """A studio's templates: those of its own folder over the built-in ones, or the built-in ones alone where it has none."""
    return Templates(own) if own.is_dir() else built_in()
