"""What all tests share: quiet, single-threaded libraries, and no network at test time."""

import fcntl
import os
import shutil
from concurrent.futures import Future
from contextlib import nullcontext

import pytest

# Set before torch and tokenizers are imported: tests run side by side, and each thread pool would take every core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# A test that reaches for a model hub is a mistake: fail at once instead of waiting for a connection.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")


def pytest_addoption(parser):
    parser.addoption(
        "--update-prose", action="store_true", help="write snapshots/prose.txt anew from what users are told"
    )


#: Files that take longest, which are started first; each is kept on one worker.
LONGEST = (
    "test_reproduce.py", "test_workers.py", "test_endpoint.py", "test_own_numbers.py", "test_reading.py",
    "test_published.py", "test_pilot.py", "test_local.py", "test_finetuned_teacher.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def one_process():
    """A pool that trains in this process: a worker takes seconds to start."""
    from crossover.study.workers import Pool

    def submit(work, *arguments):
        done = Future()
        try:
            done.set_result(work(*arguments))
        except Exception as problem:  # noqa: BLE001 - raised where the result is read
            done.set_exception(problem)
        return done

    return lambda *_: nullcontext(Pool(1, submit, Future.result))


@pytest.fixture
def in_process(monkeypatch, one_process):
    """Students are trained in this process."""
    monkeypatch.setattr("crossover.study.run.open_pool", one_process)


@pytest.fixture(scope="session")
def lm():
    """A tiny language model in float32; tests leave it as it is."""
    from crossover.models.language_model import LanguageModel

    loaded = LanguageModel.load("tiny-random")
    loaded.model.float()
    return loaded


@pytest.fixture(scope="session")
def published_book(tmp_path_factory, worker_id):
    """The folder of the book of the committed results, built once for all workers of a session."""
    from crossover.book.build import build_book
    from crossover.paths import repository

    root, base = repository(), tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "book"
    with open(f"{folder}.lock", "w") as lock:  # a second worker waits, and finds nothing left to do
        fcntl.flock(lock, fcntl.LOCK_EX)
        return build_book(root / "book", root / "results" / "study", folder, "study").parent


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    selenium = pytest.importorskip("selenium.webdriver")
    chromium, driver = (shutil.which("chromium") or shutil.which("google-chrome")), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no chromium with chromedriver on this machine (Debian: apt-get install chromium chromium-driver)")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    flags = "headless=new no-sandbox disable-gpu disable-background-networking disable-component-update disable-sync"
    for flag in [
        *flags.split(),
        "no-first-run",
        "window-size=1280,900",
        f"user-data-dir={tmp_path_factory.mktemp('chrome')}",
    ]:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    session = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    yield session
    session.quit()
