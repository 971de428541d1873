"""The environment of experiments: set, not inherited, so that the same code prints the same everywhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

OVERRIDE = "ENGINE_ENVIRONMENT"
"""The variable that changes it for a trial, e.g. ``OMP_NUM_THREADS=4 TZ=Asia/Shanghai``; it counts in the key."""

# Where things are on this machine. All else that a user, a shell or a CI service sets stays out.
_KEPT = {
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LD_PRELOAD"),
    *("DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE"),
    *("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"),
    *("MPLCONFIGDIR", "TORCH_HOME", "SCIKIT_LEARN_DATA", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
}
_LOCALE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
_SET = {
    # One thread each: the workers fill the cores.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    # The order of sets, and no graphics card: the same bytes on every run.
    "PYTHONHASHSEED": "0",
    "CUDA_VISIBLE_DEVICES": "",
    "MPLBACKEND": "agg",
    # What text looks like.
    "PYTHONUTF8": "1",
    "LANG": _LOCALE,
    "LC_ALL": _LOCALE,
    "TZ": "UTC",
    "TERM": "dumb",
    "COLUMNS": "80",
    "LINES": "24",
}


def environment_of_experiments(temporary: str, own: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment to run experiments in: fixed, but for where things are on this machine.

    Args:
        temporary: the folder for temporary files.
        own: the environment of this process.
    """
    kept = {name: own[name] for name in sorted(_KEPT & own.keys())}
    changed = dict(part.split("=", 1) for part in own.get(OVERRIDE, "").split() if "=" in part)
    return kept | _SET | {"TMPDIR": temporary, "IPYTHONDIR": temporary} | changed
