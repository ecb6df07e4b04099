"""The details of Pydantic's validation errors, without the frames in which they were raised."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["error_details"]


def error_details(wrong: ValidationError) -> list[ErrorDetails]:
    """The details of a validation error, in the order found, without the values that were sent.

    An exception of a validator of ours stays in the error with its traceback, and so with the frames of all its callers.
    A refusal raised from the error stands in one of those frames: a circle through an object that Python's garbage
    collection cannot see into (https://github.com/dapper91/pydantic-xml/issues/222), and so never freed. The tracebacks are
    taken off.
    """
    details = wrong.errors(include_url=False, include_input=False, include_context=True)
    for each in details:
        for cause in each.get("ctx", {}).values():
            while isinstance(cause, BaseException):
                cause.__traceback__ = None
                cause = cause.__context__
    return details
