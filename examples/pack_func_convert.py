"""A Python function as a function of TVM's: `convert`.

    python examples/pack_func_convert.py

A PackedFunc is what TVM calls, whatever language it was written in. Calling it from Python goes through TVM
and back. Where TVM wants a function, a Python callable does as well: it is converted for the call.
"""

import tvmbind as tvm


def add(a: int, b: int) -> int:
    """Add; TVM's int is 64 bits wide."""
    print(f"add got {a!r} and {b!r}")
    return a + b


def main() -> None:
    """Convert, call, and see an exception come out."""
    function = tvm.convert(add)
    print("converted:", type(function).__name__)
    print("result:", function(10, 20))

    try:
        function(10, "twenty")
    except TypeError as error:  # the very exception that was raised in add
        print("TypeError:", error)


if __name__ == "__main__":
    main()
