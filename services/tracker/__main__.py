"""`python -m services.tracker`."""

import sys

from buuta.telemetry.service import main
from services.tracker.app import wire
from services.tracker.settings import TrackerSettings

if __name__ == "__main__":
    sys.exit(main("tracker", TrackerSettings, wire))
