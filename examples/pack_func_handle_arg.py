"""A PackedFunc as an argument of another one.

python examples/pack_func_handle_arg.py
"""

from typing import Any

import tvmbind as tvm


def add(a: int, b: int) -> int:
    """Add."""
    print(f"add got {a} and {b}")
    return a + b


@tvm.register_func("example.call")
def call(function: tvm.PackedFunc, *args: Any) -> Any:
    """Call the function that comes as the first argument with the others."""
    print(f"call got a {type(function).__name__} and {args}")
    return function(*args)


def main() -> None:
    """Make one PackedFunc of a Python function, take the other from the registry, pass one to the other."""
    handle = tvm.convert(add)
    through_registry = tvm.get_global_func("example.call")
    print("result:", through_registry(handle, 10, 20))


if __name__ == "__main__":
    main()
