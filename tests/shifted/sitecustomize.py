"""A process whose clock is wrong by SHIFT_SECONDS; Python reads this at its start where PYTHONPATH has this folder.

What it shifts is `time.time` and `time.time_ns`, by which services tell the time and stamp records; not `datetime`.
"""

import os
import time

ahead = float(os.environ["SHIFT_SECONDS"])
seconds, nanoseconds = time.time, time.time_ns
time.time = lambda: seconds() + ahead
time.time_ns = lambda: nanoseconds() + round(ahead * 10**9)
