"""The older name of `prpc.create_server_func`: writes `main/server_func.py`."""

import sys
from pathlib import Path

from prpc.create_server_func import main

if __name__ == "__main__":
    sys.exit(main(target=Path(__file__).with_name("server_func.py")))
