"""python -m training.fit NAME ...: runs training/NAME/recipe.py (add --help for more)."""

import importlib
import importlib.util
import sys

from engine.errors import ConfigError, EngineError


def dispatch(program: str, module: str, argv: list[str]) -> int:
    """Calls main(argv) of training.NAME.`module`; errors become one line and an exit code."""
    try:
        if not argv or argv[0].startswith("-"):
            raise ConfigError(f"say which model: python -m training.{program} NAME")
        where = f"training.{argv[0]}.{module}"
        if importlib.util.find_spec(f"training.{argv[0]}") is None or (
            importlib.util.find_spec(where) is None
        ):
            raise ConfigError(f"nothing known by the name '{argv[0]}': there is no {where}")
        importlib.import_module(where).main(argv[1:])
    except EngineError as e:
        print(e, file=sys.stderr)
        return e.exit_code
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(dispatch("fit", "recipe", sys.argv[1:]))
