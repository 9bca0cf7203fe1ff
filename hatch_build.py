"""The install hook: builds the viewer from `web/`, unless it is there and current.

Node comes from a Python package, which is asked for only then; `web/building.py` says how to
choose another. A build that fails leaves an installation without the viewer, and the reason in
`static/failure.txt`; with SURFEIT_REQUIRE_VIEWER set, and for a source distribution, it is an
error.
"""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ViewerBuildHook(BuildHookInterface):
    """Builds the viewer before a wheel, an editable installation or a source distribution."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node's package, if the viewer has to be built with it."""
        building = _building(Path(self.root))
        needed = building.wants_package() and not building.is_current()
        return [building.NODE_PACKAGE] if needed else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the viewer; hatchling then packs it."""
        building = _building(Path(self.root))
        try:
            building.build()
        except (building.BuildError, OSError) as error:
            if self.target_name == "sdist" or os.environ.get(building.REQUIRE_VARIABLE):
                raise
            self.app.display_warning(f"installed without the viewer: {error}")
            building.STATIC.mkdir(parents=True, exist_ok=True)
            (building.STATIC / "failure.txt").write_text(f"{error}\n", encoding="utf-8")


def _building(root: Path) -> ModuleType:
    """`web/building.py`, which is no part of a package."""
    path = root / "web" / "building.py"
    spec = importlib.util.spec_from_file_location("surfeit_web_building", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{path} is missing: this is no whole source of Surfeit")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
