"""Text of any origin on a terminal."""


def printable(text: str) -> str:
    r"""Replace what a terminal could act on: control characters and undecodable bytes become \x.. forms."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
