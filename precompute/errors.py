"""What a failed source is called: a short code for programs and one line for people."""


class SourceError(Exception):
    """A source that cannot be used. `str(error)` is one line: what was given, what was expected, what to do next."""

    code: str
    """Short stable name of the cause, such as `not_found`, `truncated` or `http_404`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(" ".join(message.split()))  # texts of other programs may hold line ends; this is one line
        self.code = code
