"""`python -m services.cli`: the command `groupement`, where no script of that name is at hand."""

from services.cli import main

main()
