"""What TVM wrote to files, read and checked without running any of it: before the runtime, which believes all of it.

Nothing here needs a runtime or opens one. ``layout`` tells which files are a model's, ``compiled`` what a library is
for; ``elf`` reads its tables, ``blob`` the modules that it carries.
"""
