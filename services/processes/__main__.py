"""`python -m services.processes ROLE PORT`: as `groupement run`, without the other commands: it starts sooner."""

from __future__ import annotations

import sys

from infra.settings import Settings
from services.processes import Role, run

run(Role(sys.argv[1]), Settings(), "127.0.0.1", int(sys.argv[2]))
