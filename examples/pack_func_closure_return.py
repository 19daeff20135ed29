"""A closure as a result: TVM owns it, and it lives for as long as somebody holds it.

python examples/pack_func_closure_return.py
"""

from typing import Callable

import tvmbind as tvm


@tvm.register_func("example.counter")
def counter(start: int) -> Callable[[int], int]:
    """Make a function that adds to a number of its own."""
    total = start

    def add(amount: int) -> int:
        nonlocal total
        total += amount
        return total

    return add


def main() -> None:
    """Two closures, each with its own number; both outlive the function that made them."""
    make = tvm.get_global_func("example.counter")
    first, second = make(30), make(1000)
    print("returned:", type(first).__name__)

    tvm.remove_global_func("example.counter")
    print("first:", first(40), first(5))
    print("second:", second(1))


if __name__ == "__main__":
    main()
