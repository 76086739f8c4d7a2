"""`python -m services.portal`."""

import sys

from buuta.telemetry.service import main
from services.portal.app import wire
from services.portal.settings import PortalSettings

if __name__ == "__main__":
    sys.exit(main("portal", PortalSettings, wire))
