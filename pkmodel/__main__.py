"""``python -m pkmodel`` is the command ``pkmodel``."""

from pkmodel.cli import main

if __name__ == "__main__":
    main(prog_name="pkmodel")
