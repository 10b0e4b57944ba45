"""Sets up the environment of tests; imported first, before jax.

Eight CPU devices. Temporary files, the home folder, prepared data sets and compiled programs lie in
one temporary folder, which is deleted when the tests have ended. To keep compiled programs from one
call of pytest to the next, set JAX_COMPILATION_CACHE_DIR.
"""

import gc
import os
import shutil
import tempfile
from pathlib import Path

ROOT = "JAXHASH_TESTS"  # set by the first process; its workers and their processes inherit it
FOLDERS = {
    "TMPDIR": "tmp",
    "HOME": "home",
    "TFDS_DATA_DIR": "tfds",
    "HYPOTHESIS_STORAGE_DIRECTORY": "hypothesis",
}

if ROOT not in os.environ:
    os.environ[ROOT] = tempfile.mkdtemp(prefix="jaxhash-tests-")
    for variable, folder in FOLDERS.items():
        Path(os.environ[ROOT], folder).mkdir()
        os.environ[variable] = os.path.join(os.environ[ROOT], folder)
    tempfile.tempdir = None  # read TMPDIR again

os.environ["JAX_PLATFORMS"] = "cpu"
# Most of the time goes into compiling; without LLVM's optimisations that takes half as long.
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
)
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", os.path.join(os.environ[ROOT], "compiled"))
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
# The traces of programs are millions of objects, which stay: looking through them for garbage as
# often as Python does by default takes a tenth of the time.
gc.set_threshold(100_000, 50, 50)


def clean() -> None:
    """Deletes all that was written."""
    shutil.rmtree(os.environ[ROOT], ignore_errors=True)
