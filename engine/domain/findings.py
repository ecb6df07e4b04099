"""What Pydantic found wrong, without the frames in which it was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["findings_of"]


def findings_of(wrong: ValidationError) -> list[ErrorDetails]:
    """The findings of a validation error, in the order found, without the values that were sent.

    An exception of a validator of ours stays in the error with its traceback, and so with the frames of all its callers.
    A refusal raised from the error stands in one of those frames: a circle through an object that Python's garbage
    collection cannot see into (https://github.com/dapper91/pydantic-xml/issues/222), and so never freed. The tracebacks are
    taken off.
    """
    findings = wrong.errors(include_url=False, include_input=False, include_context=True)
    for finding in findings:
        for cause in finding.get("ctx", {}).values():
            while isinstance(cause, BaseException):
                cause.__traceback__ = None
                cause = cause.__context__
    return findings
