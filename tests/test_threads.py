"""Many threads at once: own executors, shared functions, callbacks on threads that Python did not start."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import INFO, can

COUNT = 8
# Kernels that call a packed function on threads of their own, as a thread pool does.
THREADS_C = """
#include <pthread.h>
#include <stdint.h>
#include <stddef.h>

typedef union { int64_t v_int64; double v_float64; void *v_handle; const char *v_str; } Value;
extern int TVMFuncCall(void *func, Value *args, int *codes, int n, Value *ret, int *ret_code);
extern const char *TVMGetLastError(void);
extern void TVMAPISetLastError(const char *);

typedef struct { void *func; int64_t first, count; int rc; char error[4096]; } Work;

static void *work(void *data) {
  Work *w = (Work *)data;
  for (int64_t i = w->first; i < w->first + w->count && w->rc == 0; ++i) {
    Value arg, ret;
    int code = 0, ret_code = 0;
    arg.v_int64 = i;
    w->rc = TVMFuncCall(w->func, &arg, &code, 1, &ret, &ret_code);
    if (w->rc) {
      const char *text = TVMGetLastError();
      size_t n = 0;
      for (; text && text[n] && n < sizeof(w->error) - 1; ++n) w->error[n] = text[n];
      w->error[n] = 0;
    }
  }
  return NULL;
}

/* on_threads(func, threads, calls): func(i) for each i, each thread its own part. */
int on_threads(Value *args, int *codes, int n, Value *ret, int *ret_code, void *resource) {
  pthread_t threads[64];
  static __thread Work works[64];
  int64_t count = args[1].v_int64;
  for (int64_t t = 0; t < count; ++t) {
    Work w = {args[0].v_handle, t * args[2].v_int64, args[2].v_int64, 0, {0}};
    works[t] = w;
    pthread_create(&threads[t], NULL, work, &works[t]);
  }
  for (int64_t t = 0; t < count; ++t) pthread_join(threads[t], NULL);
  for (int64_t t = 0; t < count; ++t)
    if (works[t].rc) { TVMAPISetLastError(works[t].error); return -1; }
  return 0;
}
"""
# The same as tvm-ffi has it.
MODERN_THREADS_C = """
#include <pthread.h>
#include <stdint.h>
#include <stddef.h>

typedef struct { int32_t type_index; uint32_t small; union { int64_t v_int64; void *v_ptr; }; } Any;
extern int TVMFFIFunctionCall(void *func, Any *args, int32_t n, Any *ret);
extern int TVMFFIObjectDecRef(void *object);
extern void TVMFFIErrorMoveFromRaised(void **error);
extern void TVMFFIErrorSetRaised(void *error);

typedef struct { void *func; int64_t first, count; void *error; } Work;

static void *work(void *data) {
  Work *w = (Work *)data;
  for (int64_t i = w->first; i < w->first + w->count && !w->error; ++i) {
    Any arg = {1, 0, {i}}, ret = {0, 0, {0}};
    if (TVMFFIFunctionCall(w->func, &arg, 1, &ret)) TVMFFIErrorMoveFromRaised(&w->error);
    else if (ret.type_index >= 64) TVMFFIObjectDecRef(ret.v_ptr);
  }
  return NULL;
}

int __tvm_ffi_on_threads(void *self, Any *args, int32_t n, Any *ret) {
  pthread_t threads[64];
  Work works[64];
  int failed = 0;
  int64_t count = args[1].v_int64;
  for (int64_t t = 0; t < count; ++t) {
    Work w = {args[0].v_ptr, t * args[2].v_int64, args[2].v_int64, NULL};
    works[t] = w;
    pthread_create(&threads[t], NULL, work, &works[t]);
  }
  for (int64_t t = 0; t < count; ++t) pthread_join(threads[t], NULL);
  for (int64_t t = 0; t < count; ++t) {
    if (!works[t].error) continue;
    if (!failed++) TVMFFIErrorSetRaised(works[t].error);
    TVMFFIObjectDecRef(works[t].error);
  }
  return failed ? -1 : 0;
}
"""


def at_once(work, count=COUNT):
    """Runs ``work(number)`` on threads that start together, and gives their results or raises their first error."""
    start = threading.Barrier(count)

    def run(number):
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, number) for number in range(count)]]


@pytest.fixture(autouse=True)
def switch_often():
    """Threads take turns after 20 microseconds instead of 5 milliseconds: races show sooner."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(2e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(scope="module")
def on_threads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("threads")
    (folder / "threads.c").write_text(THREADS_C if INFO.abi == "classic" else MODERN_THREADS_C)
    command = ["gcc", "-O1", "-shared", "-fPIC", folder / "threads.c", "-o", folder / "threads.so", "-lpthread"]
    subprocess.run(command, check=True)
    return tvm.load_module(folder / "threads.so")["on_threads"]


@pytest.mark.needs("libtvm_runtime")
def test_own_executors(models):
    file = np.load(models / "digits" / "test_images.npz")
    images, expected = (file["images"].reshape(-1, 1, 1, 8, 8) / 16).astype("float32"), file["probabilities"]
    folder = models / "digits"

    def graph_executor():
        graph = tvm.graph_executor.create((folder / "deploy.json").read_text(), library, tvm.cpu(0))
        graph.load_params((folder / "deploy.params").read_bytes())
        return lambda image: graph.run(input=image) or graph.get_output(0)

    graph = can("graph executor")
    library = tvm.load_module(folder / ("libdeploy.so" if graph else "relax_vm.so"))

    def work(number):
        run = graph_executor() if graph else tvm.RelaxVirtualMachine(library, tvm.cpu(0))["main"]
        for index in range(number, 360, COUNT):
            np.testing.assert_allclose(run(images[index]).numpy()[0], expected[index], atol=1e-5)
        return len(range(number, 360, COUNT))

    assert sum(at_once(work)) == 360


def test_shared_function_with_every_kind_of_argument(echo):
    def work(number):
        array = tvm.array(np.full(number + 1, number, "int32"))
        for index in range(300):
            simple = (number, index / 7, f"text {number}", bytes([number] * 9), None)
            for value in (*simple, array, ["a", str(number)], {"k": array}):
                found = echo(value)
                if value is array:
                    assert found.numpy().tolist() == [number] * (number + 1)
                elif isinstance(value, dict):
                    assert list(found) == ["k"]
                elif isinstance(value, list):
                    assert list(found) == value
                else:
                    assert found == value

    at_once(work)


def test_shared_kernel_on_own_numpy_arrays(models):
    kernel = tvm.load_module(models / "kernels" / "dtypes.so")["twice_float32"]

    def work(number):
        for size in range(1, 200):
            x, y = np.full(size, number, "float32"), np.zeros(size, "float32")
            kernel(x, y)
            assert (y == 2 * number).all()

    at_once(work)


def test_exceptions_stay_on_their_thread():
    def fail(number):
        raise KeyError(number)

    func = tvm.convert(fail)

    def work(number):
        for index in range(300):
            with pytest.raises(KeyError) as caught:
                func(number * 1000 + index)
            assert caught.value.args == (number * 1000 + index,)

    at_once(work)


def test_errors_of_the_runtime_stay_on_their_thread():
    func = tvm.get_global_func("runtime.ModuleLoadFromFile")

    def work(number):
        for index in range(100):
            with pytest.raises(tvm.TVMError, match=f"nowhere-{number}-{index}\\."):
                func(f"/nowhere-{number}-{index}.so", *([""] if INFO.abi == "classic" else []))

    at_once(work)


def test_strings_of_results_stay_on_their_thread():
    join = tvm.convert(lambda *parts: "".join(parts))

    def work(number):
        for index in range(500):
            assert join(str(number), "-" * number, str(index)) == f"{number}{'-' * number}{index}"

    at_once(work)


def test_nested_calls_on_many_threads():
    def down(n, f):
        return 0 if n == 0 else 1 + f(n - 1, f)

    func = tvm.convert(down)
    assert at_once(lambda number: [func(number + 5, func) for _ in range(50)]) == [[n + 5] * 50 for n in range(COUNT)]


def test_views_of_one_array():
    """Two views made at once must not each believe that they own the memory."""
    for _ in range(150):
        array = tvm.array(np.arange(64, dtype="int32"))
        views = at_once(lambda number, array=array: [array.numpy() for _ in range(3)], 4)
        del array
        assert all(view.sum() == 2016 for many in views for view in many)


def test_closing_while_others_make_views():
    """A close is a close: others get the array, or an error that says so; and memory that is seen stays."""
    for _ in range(150):
        array = tvm.array(np.arange(64, dtype="int32"))

        def work(number, array=array):
            if number == 0:
                array.close()
                return None
            try:
                return array.numpy()
            except ValueError as error:
                assert "closed" in str(error)  # noqa: PT017
                return None

        assert all(view.sum() == 2016 for view in at_once(work, 4) if view is not None)


def test_closing_twice_at_once():
    for _ in range(300):
        array, func = tvm.empty((10,)), tvm.convert(lambda: 0)
        at_once(lambda number, array=array, func=func: (array.close(), func.close()), 4)


def test_objects_made_here_and_dropped_there():
    queue, done = [], threading.Event()

    def make():
        try:
            for index in range(3000):
                func = tvm.convert(lambda i=index: i)
                queue.append((tvm.array([index]), func, tvm.Array(["a"]), tvm.empty((2,)).numpy()))
        finally:
            done.set()

    def drop():
        while not (done.is_set() and not queue):
            try:
                array, func, items, _ = queue.pop()
            except IndexError:
                continue
            assert array.numpy()[0] == func()
            assert list(items) == ["a"]

    threads = [threading.Thread(target=target) for target in (make, drop, drop)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not queue


def test_registering_and_looking_up(register):
    def work(number):
        for index in range(60):
            name = f"tvmbind.test.thread{number}"
            register(name, lambda index=index: index)
            assert tvm.get_global_func(name)() == index
            assert name in tvm.list_global_func_names()

    at_once(work)


def test_replacing_one_name(register):
    """TVM replaces in two steps: for a moment there is none of the name."""
    register("tvmbind.test.one", lambda: -1)

    def work(number):
        for _ in range(100):
            if number % 2:
                register("tvmbind.test.one", lambda: number)
                continue
            func = tvm.get_global_func("tvmbind.test.one", allow_missing=True)
            if func is not None:
                found[number] += func() in range(-1, COUNT)

    found = [0] * COUNT
    at_once(work)
    assert sum(found) > COUNT


def test_loading_and_closing_modules(models):
    def work(number):
        for _ in range(20):
            module = tvm.load_module(models / "myadd" / "libdeploy.so")
            func = module["myadd"]
            module.close()
            out = np.zeros(4, "float32")
            func(np.full(4, number, "float32"), np.ones(4, "float32"), out)
            assert out.tolist() == [number + 1] * 4

    at_once(work)


@pytest.mark.parametrize("threads", [1, 4, 32])
def test_callbacks_on_threads_of_others(on_threads, threads):
    seen, idents = [], set()

    def callback(i):
        idents.add(threading.get_ident())
        seen.append(i)

    on_threads(callback, threads, 100)
    assert sorted(seen) == list(range(100 * threads))
    assert threading.get_ident() not in idents


def test_exception_on_a_thread_of_others(on_threads):
    def callback(i):
        if i == 250:
            raise LookupError("on another thread")

    with pytest.raises(LookupError, match="on another thread") as caught:
        on_threads(callback, 4, 100)
    assert caught.traceback[-1].name == "callback"
    on_threads(lambda i: None, 4, 100)


def test_exceptions_on_all_threads_of_others(on_threads):
    def callback(i):
        raise IndexError(i)

    for _ in range(100):
        with pytest.raises(IndexError) as caught:
            on_threads(callback, 8, 10)
        assert caught.value.args[0] in range(0, 80, 10)


def test_calls_back_into_tvm_on_threads_of_others(on_threads, models):
    kernel, echo = tvm.load_module(models / "kernels" / "dtypes.so")["add_ints"], tvm.convert(lambda x: x)
    results = []

    def callback(i):
        array = tvm.array([i])
        results.append(kernel(i, 1) + echo(array).numpy()[0])

    on_threads(callback, 8, 50)
    assert sorted(results) == [2 * i + 1 for i in range(400)]


def test_many_threads_that_each_start_threads(on_threads):
    counts = [0] * COUNT

    def work(number):
        def callback(i):
            counts[number] += 0 if i < 0 else 1

        on_threads(callback, 1, 500)

    at_once(work)
    assert counts == [500] * COUNT


@pytest.mark.needs("thread pool")
def test_callbacks_of_parallel_kernels_with_more_workers(run_python):
    run_python(
        """
import threading
import numpy as np, tvmbind as tvm
seen = []
tvm.register_func("tvmbind.test.visit", lambda i: seen.append(i) or i * i)
module = tvm.load_module("models/kernels/parallel_call.so")
for _ in range(20):
    seen.clear()
    module["visit_all"](500)
    assert sorted(seen) == list(range(500))
    out = tvm.empty((500,), "int32")
    module["visit_map"](out)
    assert out.numpy().tolist() == [i * i for i in range(500)]

def work():
    for _ in range(5):
        out = tvm.empty((100,), "int32")
        module["visit_map"](out)
        results.append(out.numpy().tolist() == [i * i for i in range(100)])
results = []
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
assert results == [True] * 40
""",
        TVM_NUM_THREADS="4",
    )


@pytest.mark.needs("thread pool")
@pytest.mark.parametrize("workers", ["1", "4"])
@pytest.mark.parametrize("name", ["visit_all", "visit_map"])
def test_exception_in_a_parallel_kernel(run_python, workers, name):
    """The runtime may lose it: OpenMP's pool always does, tvm-ffi's now and then, and tvmbind has it all the same.

    tvm-ffi's counts a task as done before it keeps its error (thread_pool.cc), and the call may end in between:
    more often so where other processes take the processor away.
    """
    run_python(
        f"""
import tvmbind as tvm
def visit(i):
    if i == 77: raise KeyError(i)
    return i
tvm.register_func("tvmbind.test.visit", visit)
kernel = tvm.load_module("models/kernels/parallel_call.so")[{name!r}]
def call(n): return kernel(n) if {name!r} == "visit_all" else kernel(tvm.empty((n,), "int32"))
lost = 0
for _ in range(50):
    try: call(100)
    except KeyError as error: assert error.args == (77,)
    else: lost += 1
    call(70)
assert not lost, lost
""",
        TVM_NUM_THREADS=workers,
    )
