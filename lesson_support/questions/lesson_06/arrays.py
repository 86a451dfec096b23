"""The line of code that makes a small array again."""


def typed(array) -> str:
    """`np.array([1.0, 2.0])`, with inf as Python writes it."""
    if 0 in array.shape:
        return f"np.zeros({array.shape})"
    values = repr(array.tolist())
    return f"np.array({values})".replace("-inf", "-np.inf") if "inf" in values else f"np.array({values})"
