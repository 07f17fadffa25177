"""What the schema is built from: fields that read text, and sections that know their keys.

A field's error is a ValueError whose message goes on from the key's name: "`duration` " … "has no value". Errors that
are sentences of their own, or that belong to a place further down, are raised by `refuse`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from netsim.scenario import units
from netsim.scenario.problem import suggestion

NOT_BUILT = "is part of the language but not built yet"
_EMPTY = "has no value; leave the key out for its default"
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One error, at a place below the value that was read.

    The message goes on from the name of the place's key, unless it is a whole `sentence`. `at_key`: it is the key that
    is wrong, not its value.
    """

    message: str
    path: Path = ()
    sentence: bool = False
    at_key: bool = False


def refuse(*lines: Line) -> ValidationError:
    """Several errors as the one exception that pydantic takes apart again and puts into their places."""
    return ValidationError.from_exception_data(
        "scenario",
        [
            InitErrorDetails(
                type=PydanticCustomError(
                    "line", "{message}", {"message": line.message, "sentence": line.sentence, "at_key": line.at_key}
                ),
                loc=line.path,
                input=None,
            )
            for line in lines
        ],
    )


def lines_of(error: ValidationError, *prefix: str | int) -> list[Line]:
    """The inverse of `refuse`, and pydantic's own errors in our words."""
    lines = []
    for detail in error.errors(include_url=False):
        path, message = (*prefix, *detail["loc"]), detail["msg"]
        match detail["type"]:
            case "list_type" | "dict_type" if detail["input"] == "":
                lines.append(Line(_EMPTY, path))
            case "line":
                lines.append(Line(path=path, **detail["ctx"]))
            case "missing":
                lines.append(Line(f"`{path[-1]}` is missing", path[:-1], sentence=True))
            case "value_error":
                lines.append(Line(str(detail["ctx"]["error"]), path))
            case "list_type":
                lines.append(Line("is a list, not a single value or a mapping", path))
            case "dict_type":
                lines.append(Line("is a mapping, not a single value or a list", path))
            case _:
                lines.append(Line(f"is wrong: {message}", path))
    return lines


def each(items: Iterable[tuple[str | int, Any]], read: Callable[[Any], Any]) -> list[Any]:
    """Read every item, each with the key or number that it has in its place; all errors at once."""
    found, wrong = [], []
    for key, item in items:
        try:
            found.append(read(item))
        except ValidationError as error:
            wrong += lines_of(error, key)
        except ValueError as error:
            wrong.append(Line(str(error), (key,)))
    if wrong:
        raise refuse(*wrong)
    return found


class Section(BaseModel):
    """A mapping whose keys are known: its fields. A default is text, as a scenario would write it."""

    model_config = ConfigDict(frozen=True, validate_default=True)

    @classmethod
    def key_names(cls) -> list[str]:
        """The keys as a scenario writes them."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    @model_validator(mode="wrap")
    @classmethod
    def _know_the_keys(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(value, dict):
            raise ValueError("is a mapping of keys, not a list" if isinstance(value, list) else not_a_mapping(value))
        known = cls.key_names()
        wrong = [unknown_key(key, known) for key in value if key not in known]
        try:
            section = handler({key: inner for key, inner in value.items() if key in known})
        except ValidationError as error:
            wrong += lines_of(error)
        if wrong:
            raise refuse(*wrong)
        return section


def key(default: Any = ..., says: str = "", alias: str | None = None) -> Any:
    """A key of a section: its default as a scenario would write it (`...`: it must be given) and a sentence."""
    return Field(default, description=says, alias=alias)


def unknown_key(name: str, known: list[str]) -> Line:
    """The error for a key that is not in a section."""
    return Line(f"unknown key `{name}`{suggestion(name, known)}", (name,), sentence=True, at_key=True)


def not_a_mapping(value: str) -> str:
    """The predicate for one value where a mapping belongs."""
    return f"is a mapping of keys, not `{value}`" if value else _EMPTY


def one(value: Any) -> str:
    """A single value's text. Raises ValueError for a list or a mapping."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and "distribution" in value:
        raise ValueError(f"drawn from a distribution {NOT_BUILT}")
    raise ValueError(f"is a single value, not a {'list' if isinstance(value, list) else 'mapping'}")


def reader(parse: Callable[[str], Any], *checks: Callable[[Any], None]) -> PlainValidator:
    """A field that is a single value: what it is parsed by, and what must hold of it."""

    def read(value: Any) -> Any:
        parsed = parse(one(value))
        for check in checks:
            check(parsed)
        return parsed

    return PlainValidator(read)


def word(literal: Any) -> PlainValidator:
    """A field that is one of the words of a Literal."""
    return reader(partial(one_of, get_args(literal)))


def one_of(words: tuple[str, ...], text: str) -> str:
    """One of some words. Raises ValueError."""
    if text in words:
        return text
    raise ValueError(f"is {_any_of(words)}, not `{text}`{suggestion(text, words)}")


def _any_of(words: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def within(low: float, high: float) -> Callable[[Any], None]:
    """A check for plain numbers."""

    def check(value: Any) -> None:
        if not low <= value <= high:
            bounds = f"from {units.write_number(low)} to {units.write_number(high)}"
            raise ValueError(f"is {bounds}, not {units.write_number(value)}")

    return check


def positive(value: Any) -> None:
    """A check for quantities."""
    if not value > 0:
        raise ValueError("must be more than zero")


def yes_or_no(value: str) -> bool:
    """Whether it is so. Raises ValueError."""
    return one_of(("yes", "no"), text(value)) == "yes"


def text(value: str) -> str:
    """A non-empty text."""
    if not value:
        raise ValueError("has no value")
    return value


def _not_built(value: Any) -> None:
    if value is not None:
        raise refuse(Line(NOT_BUILT, at_key=True))


Duration = Annotated[int, reader(units.duration)]
Span = Annotated[int, reader(units.duration, positive)]  # a duration that is more than zero
Bandwidth = Annotated[int | None, reader(units.bandwidth)]
Share = Annotated[float, reader(units.share)]
Text = Annotated[str, reader(text)]
NotBuilt = Annotated[None, PlainValidator(_not_built)]  # a key of the language that a later netsim will understand
