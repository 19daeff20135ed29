"""The registry of global functions, and PackedFunc."""

from __future__ import annotations

import copy
import gc
import pickle
import shutil
import threading
import weakref

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import INFO, can, counts_references, need
from tvmbind.facts import MODERN_NAMES, name_in

NAME = "tvmbind.test.function"


class Callable:
    """A callable that a weakref can point at."""

    def __init__(self, result=None):
        self.result = result

    def __call__(self, *args):
        return self.result


# ------------------------------------------------------------------------------------------------- register


def test_register_as_a_call(register):
    func = Callable(1)
    assert register(NAME, func) is func
    assert tvm.get_global_func(NAME)() == 1
    assert NAME in tvm.list_global_func_names()


@pytest.mark.needs("removes globals")
def test_register_as_a_decorator_with_a_name():
    @tvm.register_func(NAME)
    def add(a, b):
        return a + b

    assert add(1, 2) == 3
    assert tvm.get_global_func(NAME)(1, 2) == 3
    tvm.remove_global_func(NAME)


@pytest.mark.needs("removes globals")
def test_register_as_a_plain_decorator():
    @tvm.register_func
    def tvmbind_test_plain(x):
        return x * 2

    assert tvm.get_global_func("tvmbind_test_plain")(4) == 8
    tvm.remove_global_func("tvmbind_test_plain")


@pytest.mark.needs("removes globals")
def test_register_as_a_decorator_with_parentheses():
    for result in (1, 2):

        @tvm.register_func(override=True)
        def tvmbind_test_parentheses():
            return result  # noqa: B023

        assert tvm.get_global_func("tvmbind_test_parentheses")() == result
    tvm.remove_global_func("tvmbind_test_parentheses")


def test_register_a_packed_func(register):
    func = tvm.convert(lambda x: x + 1)
    assert register(NAME, func) is func
    func.close()
    assert tvm.get_global_func(NAME)(1) == 2


@pytest.mark.needs("removes globals")
def test_register_under_a_second_name(register):
    """What the registry shares by then, each name keeps alive on its own."""
    register(NAME, lambda: 5)
    register(f"{NAME}.alias", tvm.get_global_func(NAME))
    tvm.remove_global_func(NAME)
    gc.collect()
    assert tvm.get_global_func(f"{NAME}.alias")() == 5


@pytest.mark.needs("string objects")
def test_register_a_function_of_the_runtime(register):
    register(f"{NAME}.text", tvm.get_global_func("runtime.String"))
    assert tvm.get_global_func(f"{NAME}.text")("text") == "text"


@pytest.mark.parametrize("name", ["tvmbind.test.ünïcode ☃", "with space", "a" * 1000, "%s"])
def test_register_any_name(register, name):
    register(name, lambda: name)
    assert tvm.get_global_func(name)() == name
    assert name in tvm.list_global_func_names()


@pytest.mark.parametrize("name", ["", "a\0b", "\0"])
def test_no_name(name):
    with pytest.raises(ValueError, match="no function's name"):
        tvm.register_func(name, len)
    with pytest.raises(ValueError, match="no function's name"):
        tvm.register_func(name)(len)
    with pytest.raises(ValueError, match="no function's name"):
        tvm.get_global_func(name)


@pytest.mark.parametrize("name", [5, b"bytes", 1.5, ["list"]])
def test_a_name_is_a_str(name):
    with pytest.raises(TypeError, match="name"):
        tvm.register_func(name, len)
    with pytest.raises(TypeError, match="name"):
        tvm.get_global_func(name)


def test_only_callables_register():
    with pytest.raises(TypeError, match="callable"):
        tvm.register_func(f"{NAME}.none", 5)
    assert tvm.get_global_func(f"{NAME}.none", allow_missing=True) is None


def test_a_callable_without_a_name():
    with pytest.raises(TypeError, match="name"):
        tvm.register_func(Callable())
    with pytest.raises(TypeError, match="name"):
        tvm.register_func(tvm.convert(Callable()))


def test_a_closed_function_does_not_register():
    func = tvm.convert(len)
    func.close()
    with pytest.raises(ValueError, match="closed"):
        tvm.register_func(f"{NAME}.none", func)
    assert tvm.get_global_func(f"{NAME}.none", allow_missing=True) is None


def test_a_taken_name(register):
    register(NAME, lambda: 1)
    with pytest.raises(tvm.TVMValueError, match="override=True") as caught:
        tvm.register_func(NAME, lambda: 2)
    assert NAME in str(caught.value)
    assert tvm.get_global_func(NAME)() == 1
    tvm.register_func(NAME, lambda: 3, override=True)
    assert tvm.get_global_func(NAME)() == 3
    tvm.register_func(NAME, lambda: 4, True)
    assert tvm.get_global_func(NAME)() == 4


@pytest.mark.needs("removes globals")
def test_register_again_after_removal(register):
    for result in range(5):
        register(NAME, Callable(result))
        assert tvm.get_global_func(NAME)() == result
        tvm.remove_global_func(NAME)


# --------------------------------------------------------------------------------------------- get and remove


def test_missing():
    assert tvm.get_global_func("tvmbind.test.absent", allow_missing=True) is None
    with pytest.raises(AttributeError, match=r"no global function 'tvmbind\.test\.absent'") as caught:
        tvm.get_global_func("tvmbind.test.absent")
    assert isinstance(caught.value, tvm.TVMError)


def test_a_misspelt_name_gets_a_suggestion():
    name = "runtime.config_threadpool" if INFO.abi == "classic" else "ffi.SystemLib"
    with pytest.raises(tvm.TVMAttributeError, match=f"did you mean .*{name}"):
        tvm.get_global_func(name[:-2] + name[-1] + name[-2])


@pytest.mark.needs("removes globals")
def test_remove(register):
    register(NAME, lambda: 1)
    tvm.remove_global_func(NAME)
    assert tvm.get_global_func(NAME, allow_missing=True) is None
    assert NAME not in tvm.list_global_func_names()
    with pytest.raises(tvm.TVMAttributeError, match=NAME):
        tvm.remove_global_func(NAME)


def test_names_are_sorted_text():
    names = tvm.list_global_func_names()
    assert names == sorted(names)
    assert len(names) > 15
    expected = {name_in(INFO.minor, "runtime.ModuleGetTypeKey"), name_in(INFO.minor, "runtime.ModuleSaveToFile")}
    assert expected <= set(names)


def test_a_name_of_today_gives_what_had_another_before():
    for name in ("runtime.ModuleGetTypeKey", "runtime.ModuleImportsSize", "runtime.GetDeviceAttr"):
        if can("libtvm_runtime") and INFO.abi == "classic":
            assert tvm.get_global_func(name).name == name_in(INFO.minor, name)
            assert name_in(INFO.minor, name) in tvm.list_global_func_names()


@pytest.mark.needs("modern runtime")
@pytest.mark.parametrize("name", MODERN_NAMES)
def test_a_classic_name_gives_what_has_another_name_now(name):
    if MODERN_NAMES[name].startswith("runtime."):
        need("libtvm_runtime")
    assert tvm.get_global_func(name).name == MODERN_NAMES[name]


# ------------------------------------------------------------------------------------------------- lifetimes


@pytest.mark.needs("removes globals")
@counts_references
def test_a_removed_function_is_let_go(register):
    func = Callable()
    gone = weakref.ref(func)
    register(NAME, func)
    del func
    gc.collect()
    assert gone() is not None
    tvm.remove_global_func(NAME)
    gc.collect()
    assert gone() is None


@counts_references
def test_a_replaced_function_is_let_go(register):
    first, second = Callable(1), Callable(2)
    gone, stays = weakref.ref(first), weakref.ref(second)
    register(NAME, first)
    register(NAME, second)
    del first, second
    gc.collect()
    assert gone() is None
    assert stays() is not None


@pytest.mark.needs("removes globals")
@counts_references
def test_a_function_that_was_looked_up_survives_removal_and_replacement(register):
    func = Callable(5)
    gone = weakref.ref(func)
    register(NAME, func)
    found, again = tvm.get_global_func(NAME), tvm.get_global_func(NAME)
    del func
    register(NAME, Callable(6))
    tvm.remove_global_func(NAME)
    gc.collect()
    assert found() == again() == 5
    del found
    gc.collect()
    assert again() == 5
    del again
    gc.collect()
    assert gone() is None


@pytest.mark.needs("kernels that call packed functions")
@pytest.mark.needs("removes globals")
def test_a_kernel_goes_on_with_the_function_that_has_the_name_now(register, models, tmp_path):
    """Compiled code keeps for ever what it once looked up by name."""
    file = shutil.copy(models / "kernels" / "call_packed.so", tmp_path)
    tick = tvm.load_module(file)["call_tick"]
    calls = []
    register("tvmbind.test.tick", lambda: calls.append("first"))
    tick()
    register("tvmbind.test.tick", lambda: calls.append("second"))
    tick()
    assert calls in (["first", "second"], ["first", "first"])
    tvm.remove_global_func("tvmbind.test.tick")
    gc.collect()
    register("tvmbind.test.tick", lambda: calls.append("third"))
    tick()
    assert len(calls) == 3


@pytest.mark.needs("functions in containers")
@counts_references
def test_a_reference_that_only_tvm_holds_says_so(register):
    """Kept inside of the runtime, it cannot keep the callable of a removed global: an error, not a crash."""
    register(NAME, Callable(5))
    inside = tvm.Array([tvm.get_global_func(NAME)])
    gc.collect()
    assert inside[0]() == 5
    tvm.remove_global_func(NAME)
    gc.collect()
    with pytest.raises(RuntimeError, match="removed from the registry"):
        inside[0]()


@counts_references
def test_a_dropped_closure_is_let_go():
    func = Callable()
    gone = weakref.ref(func)
    packed = tvm.convert(func)
    del func
    gc.collect()
    assert gone() is not None
    del packed
    gc.collect()
    assert gone() is None


def test_a_closed_closure_is_let_go():
    func = Callable()
    gone = weakref.ref(func)
    packed = tvm.convert(func)
    del func
    packed.close()
    gc.collect()
    assert gone() is None


@pytest.mark.needs("functions in containers")
@counts_references
def test_a_closure_that_tvm_holds_is_kept():
    func = Callable(7)
    gone = weakref.ref(func)
    array = tvm.Array([func])
    del func
    gc.collect()
    assert array[0]() == 7
    array.close()
    gc.collect()
    assert gone() is None


@counts_references
def test_an_argument_is_let_go_after_the_call():
    func = Callable()
    gone = weakref.ref(func)
    tvm.convert(lambda f: None)(func)
    tvm.convert(lambda *args: None)(func, "text", func)
    if INFO.has("functions in containers"):
        tvm.convert(lambda *args: None)([func], {"key": func}, func)
    del func
    gc.collect()
    assert gone() is None


# ------------------------------------------------------------------------------------------------ PackedFunc


def test_repr_and_name(register):
    register(NAME, len)
    found = tvm.get_global_func(NAME)
    assert found.name == NAME
    assert repr(found) == f"<PackedFunc {NAME}>"
    found.close()
    assert repr(found) == f"<PackedFunc {NAME} (closed)>"
    assert "PackedFunc" in repr(tvm.convert(Callable()))


def test_close_twice_and_in_a_with():
    func = tvm.convert(len)
    with func as same:
        assert same is func
        assert func(b"four") == 4
    assert func.closed
    func.close()


def test_a_function_closes_itself_while_it_runs():
    def first():
        func.close()
        return "x" * 100

    func = tvm.convert(first)
    assert func() == "x" * 100
    assert func.closed

    def second():
        func.close()
        raise ValueError("after closing")

    func = tvm.convert(second)
    with pytest.raises(ValueError, match="after closing"):
        func()


def test_no_copies_and_no_pickles():
    func = tvm.convert(len)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            attempt(func)
    with pytest.raises(TypeError, match="made by the functions of tvmbind"):
        tvm.PackedFunc()


def test_an_object_that_was_never_made_is_no_crash():
    for kind in (tvm.PackedFunc, tvm.NDArray, tvm.Object, tvm.Module):
        hollow = kind.__new__(kind)
        with pytest.raises((AttributeError, ValueError)):
            tvm.convert(lambda x: x)(hollow)
        del hollow


def test_wrong_number_of_arguments():
    with pytest.raises(TypeError, match="positional argument"):
        tvm.convert(lambda a, b: None)(1)
    if can("typed functions that count their arguments"):
        wrong = r"expects 1 arguments, but 3 were provided|Expected 1 but got 3 arguments"
        with pytest.raises(tvm.TVMError, match=wrong):
            tvm.get_global_func("runtime.ModuleGetTypeKey")(1, 2, 3)


@pytest.mark.needs("untyped functions that count their arguments")
def test_too_few_arguments_of_an_untyped_function():
    with pytest.raises(tvm.TVMError, match="1 passed but request"):
        tvm.get_global_func("runtime.GetDeviceAttr")(1)


def test_threads_share_a_function(models):
    add = tvm.load_module(models / "kernels" / "dtypes.so")["add_ints"]
    echo = tvm.convert(lambda *args: args[-1])
    wrong = []

    def work(n):
        for i in range(300):
            if add(n, i) != n + i or echo(f"{n}", np.zeros(n), f"{n}.{i}") != f"{n}.{i}":
                wrong.append((n, i))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.needs("removes globals")
def test_threads_register_and_remove():
    failures = []

    def work(n):
        try:
            for i in range(100):
                tvm.register_func(f"{NAME}.{n}", lambda n=n, i=i: n + i)
                assert tvm.get_global_func(f"{NAME}.{n}")() == n + i
                tvm.remove_global_func(f"{NAME}.{n}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.needs("removes globals")
def test_threads_change_the_registry_and_read_it():
    names = [f"{NAME}.shared.{n}" for n in range(4)]
    failures = []

    def change(n):
        for i in range(150):
            tvm.register_func(names[n], lambda n=n: n, override=True)
            tvm.register_func(f"{names[n]}.{i}", lambda: None)

    def read(n):
        for _ in range(30):
            tvm.list_global_func_names()
            assert (found := tvm.get_global_func(names[n], allow_missing=True)) is None or found() == n

    def run(work, n):
        try:
            work(n)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work, n)) for n in range(4) for work in (change, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ours = [name for name in tvm.list_global_func_names() if name.startswith(f"{NAME}.shared.")]
    for name in ours:
        tvm.remove_global_func(name)
    assert not failures
    assert len(ours) == 4 * 151


@pytest.mark.needs("removes globals")
@counts_references
def test_a_callable_may_use_the_registry_as_it_is_let_go(register):
    class Last:
        def __call__(self):
            return 1

        def __del__(self):
            register(f"{NAME}.last", lambda: 2)
            tvm.list_global_func_names()

    tvm.register_func(f"{NAME}.first", Last())
    tvm.register_func(f"{NAME}.first", lambda: 3, override=True)
    gc.collect()
    assert tvm.get_global_func(f"{NAME}.last")() == 2
    tvm.register_func(f"{NAME}.first", Last(), override=True)
    tvm.remove_global_func(f"{NAME}.last")
    tvm.remove_global_func(f"{NAME}.first")
    gc.collect()
    assert tvm.get_global_func(f"{NAME}.last")() == 2
