"""Signal handlers run on the main thread, in the middle of whatever it does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

BEGIN = """
import os, signal, sys, threading, time
from pathlib import Path
from gateway import ChatMessage, ConnectionState, Gateway, GatewayError
from gateway.testing import FakePlatform
home, durability = Path(sys.argv[1]), sys.argv[2]
NAME = "shop-2201"
fake = FakePlatform().__enter__()
shop = fake.account("2201")
gw = Gateway.from_config(fake.config_file(home, durability=durability))
"""

TRACED = """
gw.start()
shop.wait_registered()
ours = set()
def trace(frame, event, _):
    code = frame.f_code
    if "/actors/" in code.co_filename and code.co_name != "handling":  # that takes no lock
        ours.add((code.co_filename.rpartition("/")[2], code.co_name))
conversation = shop.buyer("3").conversation().id
sys.setprofile(trace)
ticket = gw.send(NAME, conversation, "x", to="3")
ticket.result(10)
view = gw.accounts[NAME]
view.counters, view.alerts, gw.alerts, gw.note(NAME, "c", "k")
gw.sends.list(), gw.sends.get(ticket.outbox_id), gw.dead_letters.list()
for verb in (gw.accounts.pause, gw.accounts.resume, gw.accounts.reset):
    verb(NAME)
view.wait_for(ConnectionState.CONNECTED, 10)
for call in (gw.sends.cancel, gw.dead_letters.drop, gw.dead_letters.replay, gw.dead_letters.show):
    try:
        call(ticket.outbox_id)
    except GatewayError:
        pass
gw.stop()
sys.setprofile(None)
print(sorted(ours))
"""

RAISED = """
class Limit(Exception):
    pass
def limit(*_):
    raise Limit
handled = threading.Event()
gw.on(ChatMessage)(lambda event: handled.set())
gw.start()
shop.wait_registered()
signal.signal(signal.SIGALRM, limit)
conversation = shop.buyer("3").conversation().id
stopped = cut = 0
ends = time.monotonic() + 2.0
while time.monotonic() < ends:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0003 + (cut % 40) * 0.0001)
        try:
            while True:
                gw.send(NAME, conversation, "x", to="3")
        finally:  # it may be full
            signal.setitimer(signal.ITIMER_REAL, 0)
    except (Limit, GatewayError):
        cut += 1
shop.buyer("9").says("alive?")
print("handled", handled.wait(20), gw.stop(20))
"""

HANDLED = """
answers = []
gw.start()
shop.wait_registered()
signal.signal(signal.SIGTERM, lambda *_: answers.append(gw.stop(15)))
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
conversation = shop.buyer("3").conversation().id
try:
    while True:
        gw.accounts.reset(NAME)
except GatewayError as error:
    print(type(error).__name__, answers)
"""

CUT = """
entered, leave = threading.Event(), threading.Event()
def wait(event):
    entered.set()
    leave.wait(10)
gw.on(ChatMessage)(wait)
gw.start()
shop.wait_registered()
shop.buyer("3").says("x")
entered.wait(10)
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    gw.stop()
except KeyboardInterrupt:
    leave.set()
    print("cut", gw.stop(), gw.accounts[NAME].state.value, len(fake.connections))
"""

STARTING = """
from gateway.host import assembly
from gateway.config import load
def opening(settings, clock):
    found = assembly.journal(settings, clock)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.2)
    return found
gw = Gateway(load(home / "gateway.yaml"), journal=opening)
answers = []
signal.signal(signal.SIGTERM, lambda *_: answers.append(gw.stop()))
gw.start()
print(answers, gw.running, gw.ready, gw.accounts[NAME].state.value)
"""

INTERRUPTED = """
from gateway.host import assembly
from gateway.config import load
def opening(settings, clock):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.2)
    return assembly.journal(settings, clock)
gw = Gateway(load(home / "gateway.yaml"), journal=opening)
try:
    gw.start()
except KeyboardInterrupt:
    print("cut", gw.stop(), gw.ready)
"""

CLIENT = """
from websockets.sync.server import serve
import logging, socket
from gateway import WebSocketClient
class Deaf(threading.Thread):
    \"\"\"Takes the bytes of a link on, and nothing after the upgrade back.\"\"\"
    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.server = port, socket.create_server(("127.0.0.1", 0))
    def run(self):
        while True:
            near, _ = self.server.accept()
            far = socket.create_connection(("127.0.0.1", self.port))
            far.sendall(near.recv(65536))
            near.sendall(far.recv(65536))
            kept.append((near, far))
kept = []
server = serve(lambda link: link.recv(), "127.0.0.1", 0, compression=None)
threading.Thread(target=server.serve_forever, daemon=True).start()
deaf = Deaf(server.socket.getsockname()[1])
deaf.start()
client = WebSocketClient(f"ws://127.0.0.1:{deaf.server.getsockname()[1]}/")
cut = 0
for _ in range(3):
    assert client.connect()
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        client.disconnect()
    except KeyboardInterrupt:
        cut += 1
    client.disconnect()
for thread in threading.enumerate():
    if thread.name.startswith("gateway/"):
        thread.join(20)
names = [each.name for each in threading.enumerate() if each.name.startswith("gateway/")]
print(cut, set(names))
"""


TWICE = """
class Limit(RuntimeError):
    pass
def limit(*_):
    raise Limit
gw.start()
shop.wait_registered()
signal.signal(signal.SIGALRM, limit)
conversation = shop.buyer("3").conversation().id
for number in range(400):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.00002 + number % 40 * 0.000005)
        try:
            gw.send(NAME, conversation, str(number), to="3")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except (Limit, GatewayError):
        pass
    time.sleep(0.002)
texts = [each.text for each in gw.sends.list(limit=1000)]
print(len(texts) - len(set(texts)), gw.stop(20))
"""

BETWEEN = """
gw.start()
shop.wait_registered()
other = Gateway.from_config(fake.config_file(home / "other", durability="memory"))
point, seen = sys.argv[3], []
def trace(frame, event, _):  # as a signal handler: in the middle of a call of the main thread
    code = frame.f_code
    if code.co_filename.endswith("undisturbed.py") and (code.co_name, event) == AT[point]:
        sys.setprofile(None)
        seen.append(gw.stop(10))
AT = {"found": ("_hands", "return"), "made": ("_hands", "call"), "asks": ("do", "call"),
      "asked": ("do", "return"), "leaves": ("_leave", "call")}
threading.Timer(25, lambda: os._exit(99)).start()  # it hung
sys.setprofile(trace)
try:
    (other.stop if point == "leaves" else lambda: gw.send(NAME, "c", "x", to="3"))()
except GatewayError as error:
    print(type(error).__name__, end=" ")
sys.setprofile(None)
other.stop()
print(seen, gw.stop(), flush=True)
os._exit(0)
"""

ONCE = """
import sys, threading
from gateway.host import undisturbed
calls = []
def trace(frame, event, _):  # as a signal handler that stops a gateway
    code = frame.f_code
    if code.co_filename.endswith("undisturbed.py") and (code.co_name, event) == ("do", "c_return"):
        sys.setprofile(None)
        undisturbed._leave()
sys.setprofile(trace)
undisturbed.run(lambda: calls.append(1))
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(10)
print(len(calls), threading.active_count())
"""

LATE = """
signal.signal(signal.SIGALRM, lambda *_: time.sleep(0.4))
gw.start()
shop.wait_registered()
signal.setitimer(signal.ITIMER_REAL, 0.3)
print(gw.accounts[NAME].wait_for(ConnectionState.FAILED, 0.5), gw.stop(20))
"""

AT_THE_END = """
import gc, weakref
class Mine:
    def __del__(self):
        os.write(1, f"stopped {gw.stop(5)}".encode())
class Big:
    pass
big = Big()
seen = weakref.ref(big)
gc.disable()
def refused(big):
    try:
        gw.note(NAME, "c", "k")
    except GatewayError:
        pass
refused(big)
del big
print("kept", seen() is not None, end=" ", flush=True)
mine = Mine()
"""

WITHIN = """
import _xxsubinterpreters as inner
import sys
interpreter = inner.create(isolated=False)
inner.run_string(
    interpreter,
    f'''
import sys
sys.path[:] = {sys.path!r}
from gateway import Gateway
from gateway.config import from_mapping
gw = Gateway(from_mapping(dict(data_dir={sys.argv[1]!r})))
gw.start()
print(gw.stop(), end=" ", flush=True)
''',
)
inner.destroy(interpreter)
print("destroyed")
"""


def told(program: str, home: Path, durability: str = "full", *more: str, begin: str = BEGIN) -> str:
    done = subprocess.run(
        [sys.executable, "-c", begin + program, str(home), durability, *more],
        capture_output=True,
        text=True,
        timeout=55,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_main_thread_runs_nothing_of_the_kernel(tmp_path: Path) -> None:
    """Whatever a signal interrupts there, no lock is held and nothing is half done."""
    assert told(TRACED, tmp_path) == "[]"


@pytest.mark.parametrize("durability", ["memory", "full"])
def test_a_time_limit_that_cuts_sends_off_leaves_the_account_alive(
    tmp_path: Path, durability: str
) -> None:
    """An exception of a signal handler left a lock held: no alert, and nobody was answered."""
    assert told(RAISED, tmp_path, durability) == "handled True True"


def test_a_signal_handler_may_stop_the_gateway(tmp_path: Path) -> None:
    """It waited for a lock that its own thread had."""
    assert told(HANDLED, tmp_path) == "ShuttingDownError [True]"


def test_ctrl_c_in_a_stop_leaves_nothing_half_stopped(tmp_path: Path) -> None:
    """The next stop said True at once; the link stayed, and acknowledged what nobody handled."""
    assert told(CUT, tmp_path) == "cut True closed 0"


def test_a_stop_while_it_starts_stops_it(tmp_path: Path) -> None:
    assert told(STARTING, tmp_path) == "[True] False False closed"


def test_a_start_that_ctrl_c_cut_off_is_undone(tmp_path: Path) -> None:
    assert told(INTERRUPTED, tmp_path) == "cut True False"


def test_ctrl_c_in_a_disconnect_leaves_no_thread(tmp_path: Path) -> None:
    """Three threads stayed each time, and no later disconnect ended them."""
    assert told(CLIENT, tmp_path) == "3 set()"


def test_a_call_is_made_once_whatever_a_signal_handler_raises(tmp_path: Path) -> None:
    assert told(TWICE, tmp_path, "memory") == "0 True"


@pytest.mark.parametrize("point", ["made", "found", "asks", "asked", "leaves"])
def test_a_stop_in_any_moment_of_a_call_leaves_it_an_answer(tmp_path: Path, point: str) -> None:
    """The threads had ended when the call was put into their queue: it waited for ever."""
    (tmp_path / "other").mkdir()
    said = told(BETWEEN, tmp_path, "memory", point)
    assert said in {"[True] True", "ShuttingDownError [True] True"}


def test_a_call_that_the_ended_threads_had_taken_is_made_once(tmp_path: Path) -> None:
    assert told(ONCE, tmp_path, begin="") == "1 1"


def test_a_wait_ends_though_a_signal_handler_outlasts_it(tmp_path: Path) -> None:
    assert told(LATE, tmp_path) == "False True"


def test_calls_while_the_interpreter_ends_return_and_keep_nothing_alive(tmp_path: Path) -> None:
    assert told(AT_THE_END, tmp_path) == "kept False stopped True"


@pytest.mark.skipif(
    sys.version_info >= (3, 12),
    reason="3.12 formats an IntEnum wrong there; later the module has another name",
)
def test_an_interpreter_in_another_ends(tmp_path: Path) -> None:
    """Threads that stay would abort the whole process."""
    assert told(WITHIN, tmp_path, begin="") == "True destroyed"
