"""A closure as an argument: no name, no registration, and it keeps the names around it.

python examples/pack_func_closure_arg.py
"""

from typing import Any

import tvmbind as tvm


@tvm.register_func("example.call_each")
def call_each(function: tvm.PackedFunc, *args: Any) -> None:
    """Call a function once for each argument. It may be of any language: here it cannot be told."""
    for value in args:
        function(value)


def main() -> None:
    """Collect what TVM passes on, in a list that only the closure knows."""
    seen = []

    def collect(value: Any) -> None:
        seen.append(value)

    tvm.get_global_func("example.call_each")(collect, 30, 0.5, "text", b"bytes", None)
    print("seen:", seen)

    tvm.get_global_func("example.call_each")(lambda x: seen.append(x * x), 5, 7)
    print("sum of squares:", sum(seen[-2:]))


if __name__ == "__main__":
    main()
