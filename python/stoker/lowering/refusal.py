"""What the engine cannot take over."""


class NotNative(ValueError):
    """Something that the engine cannot take over.

    Attributes:
        reasons: One sentence for each thing that stays in Python.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = list(reasons)
