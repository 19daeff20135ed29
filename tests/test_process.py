"""A process's life: it ends quietly whatever is still alive, and goes on after fork()."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import textwrap

import pytest

from runtime_here import MODELS, can, need, skip_if_too_old

IMPORTS = """
import atexit, gc, os, sys, threading, time
import numpy as np
import tvmbind as tvm

image = np.ones((1, 1, 8, 8), "float32")
"""
CLASSIC = """
kernel_name = "tvmgen_default_fused_layout_transform"
lib = tvm.load_module("models/digits/libdeploy.so")
calls = tvm.load_module("models/kernels/call_packed.so")
parallel = tvm.load_module("models/kernels/parallel.so")

def executor():
    made = tvm.graph_executor.create(open("models/digits/deploy.json").read(), lib, tvm.cpu(0))
    made.load_params(open("models/digits/deploy.params", "rb").read())
    made.run(input=image)
    return made
"""
MODERN = """
kernel_name = "twice_float32"
lib = tvm.load_module("models/kernels/dtypes.so")
calls = tvm.load_module("models/kernels/call_packed.so")
parallel = tvm.load_module("models/kernels/parallel.so")

class Machine:
    # Relax's virtual machine, under the names of the graph executor.
    def __init__(self): self.machine = tvm.RelaxVirtualMachine(tvm.load_module("models/digits/relax_vm.so"), tvm.cpu(0))
    def run(self, input): self.output = self.machine["main"](input)
    def get_output(self, index): return self.output

def executor():
    made = Machine()
    made.run(input=image)
    return made
"""
# Without a thread pool and executors: kernels in their place, and before libtvm_ffi 0.1.5 a callback in that of
# the kernel that calls a packed function.
ALONE = """
kernel_name = "twice_float32"
lib = tvm.load_module("models/kernels/dtypes.so")
if tvm.runtime_info().has("TVMFFIHandleInitOnce"): calls = tvm.load_module("models/kernels/call_packed.so")
else: calls = {"call_tick": tvm.convert(lambda: tvm.get_global_func("tvmbind.test.tick")())}
parallel = {"parallel_add": tvm.convert(lambda x, same, out: lib["twice_float32"](x, out))}

class Kernel:
    def run(self, input):
        out = tvm.empty((10,))
        lib["twice_float32"](np.full(10, input.ravel()[0] / 20, "float32"), out)
        self.output = tvm.array(out.numpy().reshape(1, 10))
    def get_output(self, index): return self.output

def executor():
    made = Kernel()
    made.run(input=image)
    return made
"""
ADD = """
def add():
    x = tvm.array(np.arange(100_000, dtype="float32"))
    out = tvm.empty((100_000,))
    parallel["parallel_add"](x, x, out)
    return bool((out.numpy() == 2 * x.numpy()).all())
"""
ALIVE = IMPORTS + (CLASSIC if can("graph executor") else MODERN if can("libtvm_runtime") else ALONE) + ADD


def end(code, timeout=60, **env):
    """Runs a script to its end; its exit status, and all that it printed."""
    done = subprocess.run(
        [sys.executable, "-c", (ALIVE + textwrap.dedent(code)).replace('"models/', f'"{MODELS}/')],
        env={**os.environ, **env}, capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip
    skip_if_too_old(done.stderr)
    return done.returncode, done.stdout, done.stderr


QUIET = (0, "", "")


# ------------------------------------------------------------------------------------------------------ exit


EXITS = {
    "nothing": "",
    "arrays": "kept = [tvm.empty((3,)), tvm.array([1, 2])]",
    "numpy views": "view = tvm.array([1.0, 2.0]).numpy(); part = view[1:]",
    "view of a closed array": "a = tvm.array([1.0]); view = a.numpy(); a.close()",
    "modules and functions": "f = parallel['parallel_add']; g = tvm.get_global_func('runtime.String')",
    "executors": "graph = executor(); out = graph.get_output(0); view = out.numpy()",
    "containers": "kept = tvm.Array(['a', tvm.empty((2,))]), tvm.Map({'a': tvm.empty(1)}), tvm.ShapeTuple([1])",
    "closures": "f = tvm.convert(lambda *a: a); f.__class__; kept = [f, tvm.convert(f)]",
    "bound methods": """
        class Owner:
            def method(self, x): return x
        owner = Owner(); f = tvm.convert(owner.method); owner.f = f; f(1)
    """,
    "registered closures": """
        tvm.register_func("tvmbind.test.tick", lambda: None)
        calls["call_tick"]()
        @tvm.register_func
        def tvmbind_exit_test(x): return x
    """,
    "registered closure that holds everything": """
        everything = [lib, executor(), tvm.empty((2,)), tvm.empty((2,)).numpy(), threading.Lock()]
        tvm.register_func("tvmbind.test.hold", lambda: everything)
    """,
    "a global function in TVM's hands": """
        f = tvm.convert(lambda: 1)
        for name in "fg": tvm.register_func(f"tvmbind.test.{name}", f)
    """,
    "an array in a container in a closure in an array's place": """
        inner = tvm.convert(lambda: 0)
        array = tvm.Array([inner, tvm.Array([inner])])
        f = tvm.convert(lambda: array)
        f()
    """,
    "cycles": """
        class Cycle: pass
        c = Cycle(); c.f = tvm.convert(lambda: c); c.a = tvm.empty((2,)); c.self = c
        gc.disable(); del c
    """,
    "exceptions that were caught": """
        def fail(): raise ValueError("caught")
        try: tvm.convert(fail)()
        except ValueError as error: kept = error
    """,
    "exceptions that nobody took": """
        def fail(i):
            if i % 2: raise ValueError("swallowed")
        tvm.register_func("tvmbind.test.visit", fail)
        try: tvm.load_module("models/kernels/parallel_call.so")["visit_all"](20)
        except ValueError: pass
        try: tvm.get_global_func("runtime.String")(1, 2, 3)
        except tvm.TVMError as error: kept = error
    """,
    "an exception that holds its frames": """
        def fail():
            big = tvm.empty((1000,)).numpy()
            raise KeyError("kept")
        try: tvm.convert(fail)()
        except KeyError as error: sys.kept = error
    """,
    "in modules that go last": """
        import builtins
        builtins.kept = [tvm.empty((2,)), tvm.convert(lambda: 0), lib, executor()]
        sys.modules["os"].kept = tvm.empty((2,)).numpy()
    """,
    "in a generator": """
        def numbers():
            try:
                yield tvm.empty((2,))
            finally:
                tvm.empty((2,)).close()
        g = numbers(); next(g)
    """,
    "finalizers that use TVM": """
        class Late:
            def __init__(self): self.f = tvm.get_global_func("runtime.String"); self.a = tvm.array([1.0])
            def __del__(self):
                self.f("late"); self.a.shape; tvm.empty((2,)).close()
        import builtins
        builtins.late = Late()
    """,
    "atexit that calls TVM": """
        f = tvm.convert(lambda x: x + 1)
        atexit.register(lambda: print(f(1), add(), executor().get_output(0).shape, file=open(os.devnull, "w")))
        atexit.register(lambda: f(1) == 2 or os._exit(9))
    """,
    "an evaluator": "timed = lib.time_evaluator(kernel_name)",
    "many": "kept = [(tvm.empty((3,)), tvm.convert(lambda i=i: i)) for i in range(3000)]",
    "after gc.freeze": "kept = [tvm.empty((2,)) for _ in range(9)]; gc.freeze()",
    "closed ones": "a = tvm.empty((2,)); a.close(); lib.close(); g = executor; a.close()",
    "threads that used TVM": """
        threads = [threading.Thread(target=lambda: (add(), executor())) for _ in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
    """,
    "a daemon thread in calls": """
        f = tvm.get_global_func("runtime.String")
        def forever():
            while True: f("text"); tvm.empty((10,)).numpy()
        threading.Thread(target=forever, daemon=True).start(); time.sleep(0.2)
    """,
    "a daemon thread in callbacks": """
        f = tvm.convert(lambda x, y: (x, str(y)))
        def forever():
            while True:
                try: f(1, "text"); f(tvm.empty((2,)), None)
                except Exception: pass
        [threading.Thread(target=forever, daemon=True).start() for _ in range(3)]; time.sleep(0.2)
    """,
    "a daemon thread that waits in a callback": """
        inside = threading.Event()
        def wait(): inside.set(); time.sleep(60)
        threading.Thread(target=tvm.convert(wait), daemon=True).start(); inside.wait()
    """,
    "a daemon thread in an executor": """
        graph = executor()
        def forever():
            while True: graph.run(input=image)
        threading.Thread(target=forever, daemon=True).start(); time.sleep(0.2)
    """,
}


if not hasattr(gc, "freeze"):
    del EXITS["after gc.freeze"]
NEEDS = {
    "a daemon thread in calls": ("string objects",),
    "finalizers that use TVM": ("string objects",),
    "an evaluator": ("time evaluator",),
    "exceptions that nobody took": ("thread pool",),
    "an array in a container in a closure in an array's place": ("functions in containers",),
}


@pytest.mark.parametrize("case", EXITS)
def test_quiet_exit_with(case):
    need(*NEEDS.get(case, ()))
    assert end(EXITS[case]) == QUIET


@pytest.mark.parametrize("threads", ["1", "4"])
def test_quiet_exit_after_parallel_kernels(threads):
    status, out, _ = end("add(); calls; kept = executor()", TVM_NUM_THREADS=threads)
    assert (status, out) == (0, "")


def test_atexit_sees_a_runtime_that_works():
    code = "atexit.register(lambda: print(add(), tvm.convert(lambda x: x + 1)(1), executor().get_output(0).shape))"
    assert end(code) == (0, "True 2 (1, 10)\n", "")


def test_exit_by_an_exception():
    status, out, err = end('kept = [tvm.empty((2,)), executor()]\nraise RuntimeError("the end")')
    assert (status, out) == (1, "")
    assert err.startswith("Traceback")
    assert err.endswith("RuntimeError: the end\n")


def test_exit_by_an_exception_of_a_callback():
    status, out, err = end(
        """
        def fail(): raise RuntimeError("in a callback")
        tvm.convert(fail)()
        """
    )
    assert (status, out) == (1, "")
    assert ", in fail\n" in err
    assert err.endswith("RuntimeError: in a callback\n")


@pytest.mark.parametrize("status", [0, 7])
def test_sys_exit_in_a_callback(status):
    assert end(f"tvm.convert(lambda: sys.exit({status}))()") == (status, "", "")


def test_sys_exit_in_a_callback_of_a_kernel():
    assert end('tvm.register_func("tvmbind.test.tick", lambda: sys.exit(7))\ncalls["call_tick"]()') == (7, "", "")


def test_sys_exit_in_a_callback_of_a_thread():
    code = 't = threading.Thread(target=tvm.convert(lambda: sys.exit(7))); t.start(); t.join(); print("goes on")'
    assert end(code) == (0, "goes on\n", "")


@pytest.mark.parametrize("where", ["", "tvm.convert(lambda: os._exit(5))()"])
def test_hard_exit(where):
    assert end(f"kept = [tvm.empty((2,)), executor()]\n{where}\nos._exit(5)") == (5, "", "")


def test_keyboard_interrupt_in_a_callback():
    code = """
        import signal
        def interrupt():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        try:
            tvm.convert(interrupt)()
        except KeyboardInterrupt:
            print("interrupted")
        print(tvm.get_global_func("runtime.String")("still works"))
    """
    assert end(code) == (0, "interrupted\nstill works\n", "")


def test_signals_of_a_timer_in_many_callbacks():
    """A handler runs between any two instructions, also at a callback's first and last."""
    code = """
        import signal
        hits = []
        signal.signal(signal.SIGALRM, lambda *_: hits.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        f = tvm.convert(lambda x: x + 1)
        assert all(f(i) == i + 1 for i in range(600_000))
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(len(hits) > 20)
    """
    assert end(code) == (0, "True\n", "")


@pytest.mark.skipif(
    sys.implementation.name == "pypy", reason="PyPy runs handlers in numpy's and CFFI's own code too, which then fails"
)
@pytest.mark.parametrize("core", [None, "pure"])
def test_signal_handlers_that_raise_anywhere(core):
    code = """
        import signal
        class Alarm(Exception): pass
        armed = False
        def handler(*_):
            if armed: raise Alarm
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
        f = tvm.convert(lambda x, y: [str(x), y])
        raised, start = 0, time.monotonic()
        while (spent := time.monotonic() - start) < 2 or (raised <= 20 and spent < 30):
            try:
                try:
                    armed = True
                    while True: f(1, "text"); f(tvm.empty((2,)), None)
                finally:
                    armed = False  # what handles it is not to be interrupted in its turn
            except Alarm:
                armed = False
                raised += 1
            except tvm.TVMError as error:  # CFFI prints an exception that is raised while it handles another
                armed = False
                if "on top" not in str(error): raise
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(raised > 20, list(f(1, "x")))
    """
    status, out, err = end(code, **({"TVMBIND_CORE": core} if core else {}))
    assert (status, out) == (0, "True ['1', 'x']\n"), err[-2000:]


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="PyPy does not trace opcodes")
@pytest.mark.parametrize(
    ("core", "names"), [("", []), ("pure", ["make a map", "keep a lent array", "close an argument"])]
)
def test_an_exception_at_any_opcode_breaks_nothing(core, names):
    loop = os.path.join(os.path.dirname(__file__), "interrupt_loop.py")
    env = {**os.environ, "TVMBIND_CORE": core or os.environ.get("TVMBIND_CORE", "")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", loop, *names], env=env, capture_output=True, text=True, timeout=300
    )  # fmt: skip
    skip_if_too_old(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    # CPython 3.11 and 3.13 themselves keep the exception of an `except` that a trace function stops at its end.
    held = re.search(r"\nheld: (\d+) of \d+", done.stdout)
    assert held, done.stdout
    assert int(held[1]) <= 3, done.stdout


def test_deep_recursion_through_tvm_is_an_error():
    code = """
        def deeper(n): return f(n + 1)
        f = tvm.convert(deeper)
        try: f(0)
        except RecursionError: print("RecursionError")
        print(tvm.convert(lambda x: x)(3))
    """
    assert end(code) == (0, "RecursionError\n3\n", "")


# ------------------------------------------------------------------------------------------------------ fork


FORK = """
import warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded")  # from CPython 3.12 on

def in_child(work):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try: status = 0 if work() else 2
        finally: os._exit(status)
    stop = time.monotonic() + 30
    while time.monotonic() < stop:
        done, status = os.waitpid(child, os.WNOHANG)
        if done: return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9); os.waitpid(child, 0)
    return "hangs"

def all_of_it():
    f = tvm.convert(lambda x: x + 1)
    return (
        f(1) == 2
        and array.numpy().tolist() == [1.0, 2.0]
        and tvm.array([3]).numpy()[0] == 3
        and add()
        and add_again()
        and abs(graph.get_output(0).numpy().sum() - 1) < 1e-5
        and graph.run(input=image) is None
        and executor().get_output(0).shape == (1, 10)
        and closure(20) == 40
        and raises()
    )

def add_again():
    out = tvm.empty((100_000,))
    kernel(ones, ones, out)
    return bool((out.numpy() == 2).all())

def raises():
    try: failing()
    except KeyError as error: return error.args == ("inside",)

def fail(): raise KeyError("inside")

array, graph, ones = tvm.array([1.0, 2.0]), executor(), tvm.array(np.ones(100_000, "float32"))
closure, failing, kernel = tvm.convert(lambda x: x * 2), tvm.convert(fail), parallel["parallel_add"]
assert all_of_it()
"""


@pytest.mark.parametrize("version", ["", "0.9", "0.8"] if can("graph executor") else [""])
@pytest.mark.parametrize("threads", ["1", "2", "4"])
def test_fork(threads, version):
    """On this runtime, and on two whose thread pools are older."""
    env = {"TVM_NUM_THREADS": threads}
    if version:
        from tvmbind import install

        env["TVMBIND_LIBRARY"] = str(install.install(version))
    status, out, _ = end(FORK + "print([in_child(all_of_it) for _ in range(3)], all_of_it())", **env)
    assert (status, out) == (0, "[0, 0, 0] True\n")


def test_fork_of_a_fork():
    code = "print(in_child(lambda: all_of_it() and in_child(all_of_it) == 0 and all_of_it()), all_of_it())"
    assert end(FORK + code) == (0, "0 True\n", "")


def test_fork_in_a_callback():
    code = "print(tvm.convert(lambda: in_child(all_of_it))(), all_of_it())"
    assert end(FORK + code) == (0, "0 True\n", "")


def test_fork_in_a_thread():
    code = """
found = []
t = threading.Thread(target=lambda: found.append(in_child(all_of_it)))
t.start(); t.join()
print(found, all_of_it())
"""
    assert end(FORK + code) == (0, "[0] True\n", "")


def test_fork_while_other_threads_call():
    """In calls that succeed: TVM makes the text of an error under a lock of its own, which a child cannot undo."""
    code = """
stop = False
def busy():
    while not stop:
        closure(1); tvm.empty((3,)).numpy(); add_again()
threads = [threading.Thread(target=busy) for _ in range(3)]
[t.start() for t in threads]
print([in_child(all_of_it) for _ in range(5)])
stop = True
[t.join() for t in threads]
"""
    assert end(FORK + code, timeout=120) == (0, "[0, 0, 0, 0, 0]\n", "")


def test_fork_while_other_threads_hold_our_locks():
    code = """
sys.setswitchinterval(1e-5)
stop = False
def busy():
    while not stop:
        a = tvm.empty((3,)); a.numpy(); a.close()
threads = [threading.Thread(target=busy) for _ in range(4)]
[t.start() for t in threads]
def work():
    a = tvm.empty((3,)); view = a.numpy(); a.close()
    return view.shape == (3,)
print({in_child(work) for _ in range(15)})
stop = True
[t.join() for t in threads]
"""
    assert end(FORK + code, timeout=120) == (0, "{0}\n", "")


def test_a_forked_child_that_ends_in_the_ordinary_way():
    code = """
child = os.fork()
if child == 0:
    assert all_of_it()
    kept = [executor(), tvm.empty((2,)).numpy()]
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert end(FORK + code) == (0, "3\n", "")


def test_fork_before_the_runtime_is_loaded():
    code = """
import os, sys
import tvmbind as tvm
child = os.fork()
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else 0
print(tvm.get_global_func("runtime.String")("ok"), flush=True)
sys.exit(status)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    skip_if_too_old(done.stderr)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\nok\n", "")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_processes(tmp_path, method):
    script = tmp_path / "pool.py"
    kernel, args = ("parallel", "x, x, out") if can("thread pool") else ("dtypes", "x, out")
    name = "parallel_add" if can("thread pool") else "twice_float32"
    script.write_text(
        f"""
import multiprocessing, sys
import numpy as np
import tvmbind as tvm

def double(n):
    x = tvm.array(np.full(50_000, n, "float32"))
    out = tvm.empty((50_000,))
    tvm.load_module("{MODELS}/kernels/{kernel}.so")["{name}"]({args})
    return float(out.numpy().sum()) / 50_000 + tvm.convert(lambda y: y)(0)

if __name__ == "__main__":
    assert double(1) == 2
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        print(pool.map(double, range(6)))
"""
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0.0, 2.0, 4.0, 6.0, 8.0, 10.0]\n", "")


@pytest.mark.parametrize("what", ["tvm.empty((2,))", "lib", "parallel['parallel_add']", "tvm.Array(['a'])"])
def test_nothing_of_the_runtime_s_can_be_pickled(what):
    code = f"""
        import pickle, copy
        for way in (pickle.dumps, copy.copy, copy.deepcopy):
            try: way({what})
            except TypeError as error: print("process" in str(error))
    """
    assert end(code) == (0, "True\nTrue\nTrue\n", "")
