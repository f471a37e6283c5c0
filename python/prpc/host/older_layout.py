"""Programs of the older layout import `main.app_server`: a host provides it where the program has no `main`."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_HOMES = {
    "main": None,
    "main.app_server": "prpc.app_server",
    "main.app_client": "prpc.app_client",
    "main.prpcmessage": "prpc.prpcmessage",
}


class _OlderLayout:
    """Finder and loader. It has no base class of `importlib.abc`, whose import takes milliseconds of every start."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _HOMES:
            return None
        return ModuleSpec(fullname, self, is_package=_HOMES[fullname] is None)  # type: ignore[arg-type]

    def create_module(self, _spec: ModuleSpec) -> None:
        """The usual one."""

    def exec_module(self, module: ModuleType) -> None:
        home = _HOMES[module.__name__]
        if home is not None:
            names = vars(import_module(home))
            vars(module).update({name: value for name, value in names.items() if not name.startswith("__")})


def provide() -> None:
    """Find `main` here when it is found nowhere else."""
    sys.meta_path.append(_OlderLayout())
