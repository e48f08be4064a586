"""`python -m precompute zoo pull`: download the networks of a zoo."""

from __future__ import annotations

import typer

from precompute.cli.output.console import EXIT_FAILED_ITEM, bytes_bar, complain, say, usage
from precompute.cli.zoo.arguments import ZooArgument, read, report_installed


def pull(zoo: ZooArgument) -> None:
    """Download the missing networks of a zoo. Each archive is downloaded once, converted and deleted.

    An interrupted download resumes where it left off.

    [bold]Example[/bold]

      python -m precompute zoo pull xtc
    """
    from consistency.zoo.records import ZooError
    from precompute.zoos import install

    known = read(zoo)
    if not known.archives and not (known.base and read(known.base).archives):
        raise usage(f"zoo '{known.name}' has nothing to download; add its networks with `zoo import`")
    found: list[str] = []
    try:
        with bytes_bar(f"{known.name} · download") as report:
            install.pull(known, say=say, report=report, on_problem=lambda text: found.append(text) or complain(text))
    except (ZooError, OSError) as error:
        complain(str(error))
        raise typer.Exit(EXIT_FAILED_ITEM) from error
    report_installed(zoo, found)
