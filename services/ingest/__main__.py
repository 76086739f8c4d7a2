"""`python -m services.ingest`."""

import sys

from buuta.telemetry.service import main
from services.ingest.app import wire
from services.ingest.settings import IngestSettings

if __name__ == "__main__":
    sys.exit(main("ingest", IngestSettings, wire))
