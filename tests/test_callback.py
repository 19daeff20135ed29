"""Python called by TVM: what goes in, what may be kept, and exceptions on their way out."""

from __future__ import annotations

import gc
import io
import shutil
import signal
import sys
import threading
import traceback
import weakref

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import counts_references, need


@pytest.fixture
def call_packed(models, tmp_path):
    """A copy of its own for each test: a compiled library keeps for ever what it once looked up by name."""
    need("kernels that call packed functions")
    return tvm.load_module(shutil.copy(models / "kernels" / "call_packed.so", tmp_path))


@pytest.fixture
def parallel_call(models, tmp_path):
    need("thread pool")
    return tvm.load_module(shutil.copy(models / "kernels" / "parallel_call.so", tmp_path))


# ------------------------------------------------------------------------------------------------- closures


def test_a_closure_as_argument():
    apply = tvm.convert(lambda f, *args: f(*args))
    assert apply(lambda a, b: a * b, 6, 7) == 42
    seen = []
    apply(seen.append, "text")
    assert seen == ["text"]


def test_a_closure_as_result():
    def adder(n):
        return lambda x: x + n

    add_two = tvm.convert(adder)(2)
    assert type(add_two) is tvm.PackedFunc
    gc.collect()
    assert add_two(40) == 42


def test_nested_closures():
    curry = tvm.convert(lambda a: lambda b: lambda c: f"{a}{b}{c}")
    assert curry(1)("x")(None) == "1xNone"
    compose = tvm.convert(lambda f, g: lambda x: f(g(x)))
    assert compose(lambda x: x + 1, compose(lambda x: x * 2, lambda x: x - 3))(10) == 15


def test_recursion():
    factorial = tvm.convert(lambda n: 1 if n < 2 else n * factorial(n - 1))
    assert factorial(20) == 2432902008176640000


def test_endless_recursion_is_a_recursion_error(run_python):
    run_python("""
import tvmbind as tvm
func = tvm.convert(lambda n: func(n + 1))
other = tvm.convert(lambda text, array: other(text + "x", [text]))
for call in (lambda: func(0), lambda: other("", [])):
    for _ in range(3):
        try:
            call()
        except RecursionError:
            pass
        else:
            raise SystemExit("no error")
assert tvm.convert(lambda: 5)() == 5
""")


def test_a_callback_without_arguments_or_result():
    calls = []
    assert tvm.convert(lambda: calls.append(1))() is None
    assert calls == [1]


# -------------------------------------------------------------------------------------------- kept arguments


def test_arguments_may_be_kept(models):
    kept = []
    keep = tvm.convert(lambda *args: kept.extend(args))
    array = tvm.array(np.arange(3.0))
    module = tvm.load_module(models / "myadd" / "libdeploy.so")
    keep("text", b"bytes", array, lambda: 5, module, ["item", array], {"key": "value"}, tvm.ShapeTuple([1, 2]))
    array.close()
    module.close()
    gc.collect()
    text, data, kept_array, func, kept_module, items, mapping, shape = kept
    assert (text, data) == ("text", b"bytes")
    assert kept_array.numpy().tolist() == [0, 1, 2]
    assert func() == 5
    assert kept_module.implements_function("myadd")
    assert items[0] == "item"
    assert items[1].numpy().tolist() == [0, 1, 2]
    assert dict(mapping) == {"key": "value"}
    assert list(shape) == [1, 2]


@pytest.mark.parametrize("offset", [0, 4])
def test_a_kept_tensor_becomes_a_copy(memory_at, offset):
    kept = []
    x = memory_at(offset, 4)
    x[:] = [1, 2, 3, 4]
    tvm.convert(kept.append)(x)
    x[:] = 0
    del x
    gc.collect()
    (tensor,) = kept
    assert type(tensor) is tvm.NDArray
    assert not tensor.is_view
    assert tensor.numpy().tolist() == [1, 2, 3, 4]
    tensor.numpy()[0] = 9
    assert tensor.numpy()[0] == 9
    tensor.close()


def test_a_tensor_kept_by_a_closure_or_an_attribute():
    class Holder:
        pass

    holder = Holder()

    def keep(tensor):
        holder.tensor = tensor
        return lambda: float(tensor.numpy()[1])

    second = tvm.convert(keep)(np.array([1.0, 2.0]))
    gc.collect()
    assert second() == 2.0
    assert holder.tensor.numpy().tolist() == [1, 2]


def test_a_kept_tensor_that_was_written_to():
    kept = []

    def write_and_keep(tensor):
        tensor.numpy()[:] = 7
        kept.append(tensor)

    x = np.zeros(3)
    tvm.convert(write_and_keep)(x)
    assert x.tolist() == [7, 7, 7]
    x[:] = 0
    assert kept[0].numpy().tolist() == [7, 7, 7]


def test_only_the_kept_ones_of_several_tensors():
    kept = []

    def keep_second(first, second, third, second_again):
        kept.append(second)

    arrays = [np.full(2, i, "int32") for i in range(3)]
    tvm.convert(keep_second)(*arrays, arrays[1])
    arrays[1][:] = 0
    assert kept[0].numpy().tolist() == [1, 1]


@pytest.mark.parametrize(
    "view",
    [
        lambda tensor: tensor.numpy(),
        lambda tensor: tensor.numpy()[1:],
        lambda tensor: np.asarray(tensor),
        lambda tensor: tensor[:2],
        lambda tensor: memoryview(tensor.numpy()),
        lambda tensor: tensor.numpy().T.reshape(-1)[::2],
    ],
)
@pytest.mark.parametrize("close", [False, True])
@counts_references
def test_a_kept_numpy_view_is_an_error(view, close):
    kept = []

    def keep(tensor):
        kept.append(view(tensor))
        if close:
            tensor.close()

    with pytest.raises(BufferError, match="copy"):
        tvm.convert(keep)(np.arange(6.0))
    kept.clear()
    tvm.convert(lambda tensor: kept.append(view(tensor)) or kept.clear())(np.arange(6.0))


def test_a_view_in_a_frame_of_a_traceback_does_not_dangle(run_python):
    """Debuggers, loggers and test runners print the variables of an exception's frames."""
    run_python("""
import gc
import numpy as np, tvmbind as tvm

def fail(tensor):
    view = tensor.numpy()
    raise ValueError("after taking a view")

raw = np.ones(4_000_064, np.uint8)
start = -raw.ctypes.data % 64 + 4            # not aligned: a copy goes in, and is unmapped after the call
try:
    tvm.convert(fail)(raw[start : start + 4_000_000])
except ValueError as error:
    traceback = error.__traceback__
del raw
gc.collect()
while traceback:
    for value in list(traceback.tb_frame.f_locals.values()):
        if isinstance(value, (np.ndarray, tvm.NDArray)) and not getattr(value, "closed", False):
            repr(value), np.asarray(value).sum()
    traceback = traceback.tb_next
""")


def test_a_tensor_in_a_frame_of_a_traceback():
    def fail(tensor):
        raise ValueError("boom")

    x = np.arange(3.0)
    with pytest.raises(ValueError, match="boom") as caught:
        tvm.convert(fail)(x)
    x[:] = 0
    tensor = caught.traceback[-1].frame.f_locals["tensor"]
    assert tensor.numpy().tolist() == [0, 1, 2]


def test_a_tensor_as_result():
    x = np.arange(4.0)
    result = tvm.convert(lambda tensor: tensor)(x)
    x[:] = 0
    assert result.numpy().tolist() == [0, 1, 2, 3]
    inside = tvm.convert(lambda tensor: [tensor, {"key": tensor}])(np.arange(2.0))
    assert inside[0].numpy().tolist() == [0, 1]
    assert inside[1]["key"].numpy().tolist() == [0, 1]


def test_a_numpy_view_of_a_tensor_as_result():
    result = tvm.convert(lambda tensor: tensor.numpy()[::-1])(np.arange(4.0))
    assert result.numpy().tolist() == [3, 2, 1, 0]


def test_a_tensor_passed_on():
    inner = tvm.convert(lambda tensor: tensor.numpy().sum())
    outer = tvm.convert(lambda tensor: inner(tensor) + inner([tensor][0].numpy()) + inner(tensor.copy()))
    assert outer(np.arange(4.0)) == 18
    kept = []
    keep = tvm.convert(kept.append)
    x = np.arange(4.0)
    tvm.convert(lambda tensor: keep(tensor))(x)
    x[:] = 0
    assert kept[0].numpy().tolist() == [0, 1, 2, 3]


def test_a_tensor_is_used_up_after_the_callback():
    tensors = weakref.WeakSet()
    tvm.convert(lambda tensor: tensors.add(tensor))(np.zeros(2))
    gc.collect()
    assert not tensors


# -------------------------------------------------------------------------------------- from compiled kernels


def test_a_kernel_calls_python(register, call_packed):
    register("tvmbind.test.add", lambda a, b: a + 10 * b)
    z = np.zeros(5, "int32")
    call_packed["call_add"](np.arange(5, dtype="int32"), np.ones(5, "int32"), z)
    assert z.tolist() == [10, 11, 12, 13, 14]
    register("tvmbind.test.map", lambda x: x**0.5)
    y = np.zeros(4)
    call_packed["call_map"](np.array([0.0, 1.0, 4.0, 9.0]), y)
    assert y.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("offset", [0, 4])
@pytest.mark.parametrize("kind", ["numpy", "NDArray"])
def test_a_kernel_lends_its_tensors(register, call_packed, memory_at, offset, kind):
    kept = []

    def scale(x, y):
        kept.append(x)
        y.numpy()[:] = 3 * x.numpy()

    register("tvmbind.test.scale", scale)
    x, y = memory_at(offset, 6), memory_at(offset, 6)
    x[:] = np.arange(6)
    if kind == "NDArray":
        x, y = tvm.array(x), tvm.array(y)
    call_packed["call_scale"](x, y)
    assert np.asarray(y).tolist() == [3.0 * i for i in range(6)]
    x[:] = 0
    assert kept[0].numpy().tolist() == list(range(6))


def test_a_kernel_passes_all_kinds(register, call_packed):
    seen = []
    register("tvmbind.demo.report", lambda what, i, value, x: seen.append((what, i, value, x.shape)))
    call_packed["call_report"](np.array([1.5, 2.5], "float32"), 3)
    assert seen == [("step", 0, 1.5, (2,)), ("step", 1, 2.5, (2,)), ("step", 2, 1.5, (2,))]


def test_the_thread_pool_calls_python(register, parallel_call):
    lock, seen = threading.Lock(), []

    def visit(i):
        with lock:
            seen.append(i)
        return i * i

    register("tvmbind.test.visit", visit)
    parallel_call["visit_all"](100)
    assert sorted(seen) == list(range(100))
    y = np.zeros(50, "int32")
    parallel_call["visit_map"](y)
    assert y.tolist() == [i * i for i in range(50)]


@pytest.mark.needs("thread pool")
@pytest.mark.parametrize("workers", ["1", "2", "4"])
@counts_references
def test_exceptions_on_the_thread_pool(run_python, workers):
    """With one worker the runtime loses the error of the body; with more, several may come at once.

    A pool of several gives at most one worker's error and drops the others': tvmbind cannot tell that those
    exceptions are not asked for any more, and keeps at most 256 of them.
    """
    run_python(
        """
import gc, os, threading, weakref
import numpy as np, tvmbind as tvm
visit_all = tvm.load_module("models/kernels/parallel_call.so")["visit_all"]
raised, every, threads = [], [], set()
allowed = 0 if tvm.runtime_info().abi == "classic" and os.environ["TVM_NUM_THREADS"] == "1" else 256

class Odd(Exception):
    def __init__(self, i):
        super().__init__(i)
        raised.append(weakref.ref(self))
        every.append(raised[-1])

@tvm.register_func("tvmbind.test.visit")
def visit(i):
    threads.add(threading.get_ident())
    if fail:
        raise Odd(i)

gc.disable()
fail = True
for n in (1, 2, 8, 64):
    for _ in range(20):
        raised.clear()
        try:
            visit_all(n)
        except Odd as error:
            assert any(ref() is error for ref in raised), raised
            assert error.__traceback__
        else:
            raise SystemExit("no exception")
        assert sum(ref() is not None for ref in every) <= allowed, (n, [ref() for ref in raised])
fail = False
visit_all(64)
""",
        TVM_NUM_THREADS=workers,
    )


# ----------------------------------------------------------------------------------------------- exceptions


class Odd(Exception):
    pass


class Unprintable(Exception):
    def __str__(self):
        raise KeyError("no text")


class Fatal(BaseException):
    pass


EXCEPTIONS = {
    "ValueError": lambda: ValueError("boom"),
    "no message": lambda: ValueError(),
    "own class": lambda: Odd("odd"),
    "own BaseException": lambda: Fatal("fatal"),
    "unprintable": lambda: Unprintable(),
    "KeyboardInterrupt": lambda: KeyboardInterrupt(),
    "SystemExit": lambda: SystemExit(3),
    "StopIteration": lambda: StopIteration(5),
    "GeneratorExit": lambda: GeneratorExit(),
    "OSError": lambda: OSError(2, "No such file", "path"),
    "KeyError": lambda: KeyError("key"),
    "newlines": lambda: ValueError("\n\nfirst\n\n  second\r\n"),
    "NUL": lambda: ValueError("a\0b\0"),
    "unicode": lambda: ValueError("é ☃ 𝄞 \udcff \ud800"),
    "long": lambda: ValueError("x" * 500_000),
    "many lines": lambda: ValueError("\n".join(map(str, range(10_000)))),
    "TVM's words": lambda: ValueError('Stack trace:\n  [bt] (0) lib.so\n  File "x.cc", line 3'),
    "TVM's check": lambda: ValueError("InternalError: Check failed: ret == 0 (-1 vs. 0) : TVMError: x"),
    "TVM's banner": lambda: ValueError("-" * 60 + "\nAn error occurred during the execution of TVM.\n" + "-" * 60),
    "a mark": lambda: ValueError("[Python exception #1] [Python exception #99999]"),
    "a format": lambda: ValueError("%s %n {} {0}"),
    "TVMError": lambda: tvm.TVMError("of TVM"),
    "TVMValueError": lambda: tvm.TVMValueError("of TVM"),
    "not Exception's text": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
}


def raiser(error):
    def fail(*args):
        raise error

    return fail


def check_passes(call, error):
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        call()
    assert caught.value is error
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert "fail" in names
    assert "check_passes" in names


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_comes_out_as_it_is(name):
    error = EXCEPTIONS[name]()
    check_passes(tvm.convert(raiser(error)), error)


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_through_nested_calls(name):
    error = EXCEPTIONS[name]()
    inner = tvm.convert(raiser(error))
    middle = tvm.convert(lambda f: f(1, "text", np.zeros(2)))
    check_passes(lambda: tvm.convert(lambda: middle(inner))(), error)


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_through_a_kernel(register, call_packed, name):
    error = EXCEPTIONS[name]()
    register("tvmbind.test.tick", raiser(error))
    check_passes(call_packed["call_tick"], error)
    error = EXCEPTIONS[name]()
    register("tvmbind.test.scale", raiser(error))
    check_passes(lambda: call_packed["call_scale"](np.zeros(3, "float32"), np.zeros(3, "float32")), error)


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_through_the_thread_pool(register, parallel_call, name):
    error = EXCEPTIONS[name]()
    register("tvmbind.test.visit", raiser(error))
    for n in (1, 30):
        check_passes(lambda: parallel_call["visit_all"](n), error)  # noqa: B023
    check_passes(lambda: parallel_call["visit_map"](np.zeros(9, "int32")), error)


def test_through_all_at_once(register, call_packed, parallel_call):
    error = Odd("deep")
    register("tvmbind.test.tick", raiser(error))
    register("tvmbind.test.visit", lambda i: call_packed["call_tick"]())
    check_passes(tvm.convert(lambda: parallel_call["visit_all"](3)), error)


def test_an_exception_caught_inside_does_not_come_out():
    fail = tvm.convert(raiser(Odd("inside")))

    def careful():
        try:
            fail()
        except Odd:
            return "caught"

    assert tvm.convert(careful)() == "caught"


def test_an_exception_replaced_inside():
    fail = tvm.convert(raiser(Odd("inside")))

    def replace():
        try:
            fail()
        except Odd as error:
            raise KeyError("outside") from error

    with pytest.raises(KeyError, match="outside") as caught:
        tvm.convert(replace)()
    assert isinstance(caught.value.__cause__, Odd)


def test_the_same_exception_twice():
    error = Odd("again")
    func = tvm.convert(raiser(error))
    for _ in range(3):
        with pytest.raises(Odd) as caught:
            func()
        assert caught.value is error


def test_a_result_of_an_unsupported_type():
    with pytest.raises(TypeError, match=r"callback's result.*object"):
        tvm.convert(lambda: object())()
    with pytest.raises(TypeError, match="set"):
        tvm.convert(lambda: [{1}])()


def test_a_signal_in_a_callback():
    def interrupt():
        signal.raise_signal(signal.SIGINT)
        return 1

    with pytest.raises(KeyboardInterrupt):
        tvm.convert(interrupt)()
    assert tvm.convert(lambda: 5)() == 5


def test_nothing_is_printed(capfd):
    for name in EXCEPTIONS:
        error = EXCEPTIONS[name]()
        with pytest.raises(type(error)):
            tvm.convert(raiser(error))()
    sys.stdout.flush()
    sys.stderr.flush()
    assert capfd.readouterr() == ("", "")


def test_a_traceback_reads_like_pythons_own():
    def innermost():
        raise ValueError("boom")

    outer = tvm.convert(lambda: tvm.convert(innermost)())
    try:
        outer()
    except ValueError as error:
        text = io.StringIO()
        traceback.print_exception(type(error), error, error.__traceback__, file=text)
    assert "in innermost" in text.getvalue()
    assert text.getvalue().rstrip().endswith("ValueError: boom")
    assert "During handling" not in text.getvalue()


@pytest.mark.parametrize("path", ["direct", "nested", "kernel", "pool", "result", "argument"])
@counts_references
def test_a_handled_exception_is_freed(register, call_packed, parallel_call, path):
    """Without the help of the cycle collector."""

    class Tracer:
        pass

    def fail(*args):
        local = Tracer()
        traced.append(weakref.ref(local))
        raise Odd("boom")

    def fail_late(*args):
        local = Tracer()
        traced.append(weakref.ref(local))
        return local

    traced: list = []
    register("tvmbind.test.tick", fail)
    register("tvmbind.test.visit", fail)
    calls = {
        "direct": tvm.convert(fail),
        "nested": tvm.convert(lambda: tvm.convert(fail)(np.zeros(3), "text", [])),
        "kernel": call_packed["call_tick"],
        "pool": lambda: parallel_call["visit_all"](5),
        "result": tvm.convert(fail_late),
        "argument": lambda: tvm.convert(fail)(Tracer(), 5),
    }
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            try:
                calls[path]()
            except (Odd, TypeError) as error:
                gone = weakref.ref(error) if type(error) is Odd else None
            assert gone is None or gone() is None
            assert not any(ref() for ref in traced)
    finally:
        gc.enable()


def test_threads_raise_at_once(register, call_packed, parallel_call):
    local = threading.local()

    def fail(*args):
        raise local.error

    register("tvmbind.test.tick", fail)
    direct = tvm.convert(fail)
    wrong = []

    def work(n):
        for i in range(150):
            for call in (direct, call_packed["call_tick"]):
                local.error = Odd((n, i))
                try:
                    call()
                    wrong.append("nothing raised")
                except Odd as error:
                    if error is not local.error:
                        wrong.append((error, local.error))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_callback_on_another_thread():
    results = []
    func = tvm.convert(lambda x: (threading.get_ident(), x)[1])
    thread = threading.Thread(target=lambda: results.append(func(5)))
    thread.start()
    thread.join()
    assert results == [5]


def test_a_callback_runs_while_another_waits():
    """No lock of Python's is held around a call."""
    entered, leave = threading.Event(), threading.Event()

    def wait():
        entered.set()
        return int(leave.wait(20))

    results = []
    thread = threading.Thread(target=lambda: results.append(tvm.convert(wait)()))
    thread.start()
    assert entered.wait(20)
    assert tvm.convert(lambda: 5)() == 5
    leave.set()
    thread.join()
    assert results == [1]


@pytest.mark.parametrize("count", [11, 12, 13, 14, 100])
def test_a_callback_of_many_arguments(count):
    func = tvm.convert(lambda *args: len(args))
    array = tvm.empty((1,))
    assert func(*[array] * count) == count
    assert func(*["text", array, 1.5] * count) == 3 * count
