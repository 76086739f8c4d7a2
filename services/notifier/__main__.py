"""`python -m services.notifier`."""

import sys

from buuta.telemetry.service import main
from services.notifier.app import wire
from services.notifier.settings import NotifierSettings

if __name__ == "__main__":
    sys.exit(main("notifier", NotifierSettings, wire))
