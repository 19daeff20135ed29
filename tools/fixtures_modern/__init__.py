"""The fixtures under models/modern/: what they compute, and how each is compiled.

Runs inside the modern compile environment (``tools/compile_env.py``), never in a
user's Python: ``python -m fixtures_modern SOURCES OUT``. The same functions as
the classic ones where this TVM can compile them, in its own spelling: ``tirx``
for ``tir``, targets as dicts, `compile` for `build`.
"""
