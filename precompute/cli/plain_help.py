"""Help in the usual spelling: `-h`, flags without a type, `PATTERN...` rather than `{PATTERN...}...`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


class PlainCommand(TyperCommand):
    """A command whose help shows a type only where a value has to be typed."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_types(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return list(map(_plain, super().collect_usage_pieces(ctx)))


class PlainGroup(TyperGroup):
    """A group of such commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_types(super().get_params(ctx))


def one_of(choices: Sequence[str], also: dict[str, str] | None = None) -> Callable[[str], str]:
    """A parser of an option that takes one of `choices`; `also`: other spelling -> the choice it stands for."""

    def parse(text: str) -> str:
        word = (also or {}).get(text, text)
        if word not in choices:
            raise typer.BadParameter(f"'{text}' is not one of {', '.join(choices)}")
        return word

    return parse


def _without_types(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if isinstance(parameter, TyperArgument):
            parameter.display_type_rich = _no_type  # pyright: ignore[reportAttributeAccessIssue]
        elif parameter.is_flag:
            parameter.metavar = ""
    return parameters


def _no_type(ctx: Any) -> None:
    """The name of an argument says what it is."""


def _plain(piece: str) -> str:
    """`[SOURCE...]...` -> `[SOURCE...]`, `{PATTERN...}...` -> `PATTERN...`."""
    piece = piece.removesuffix("...") if piece.endswith(("]...", "}...")) else piece
    return piece[1:-1] if piece.startswith("{") and piece.endswith("}") else piece
