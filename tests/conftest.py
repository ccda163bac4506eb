"""What all tests share: quiet, single-threaded libraries, and no network at test time."""

import os

# Set before torch and tokenizers are imported: tests run side by side, and each thread pool would take every core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# A test that reaches for a model hub is a mistake: fail at once instead of waiting for a connection.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
