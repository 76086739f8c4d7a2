"""The errors of Buuta; the class tells the runtime what to do, the message tells the person.

BuutaError
├── Retry                   try the same again later; nothing is wrong with the data
│   ├── KafkaAway           Kafka did not acknowledge in time
│   ├── DatabaseAway        PostgreSQL cannot be reached or is shutting down
│   ├── FormatAway          a carrier's tables are not loaded in this process
│   ├── SchemaUnanswered    the schema registry answers, and not for one id
│   └── Paused              the partition was stopped, by hand or by a limit, until people let it go on
├── Reject                  this item is wrong; its neighbours go on
│   ├── BadItem             a report that breaks a rule; carries a machine code and a field
│   ├── Undecodable         bytes that no schema of ours reads
│   │   └── SchemaUnknown   a schema id that the registry does not tell us, now; its bytes wait
│   ├── Unsendable          a record that Kafka refuses while it takes others
│   ├── Unopenable          what was sealed does not open: another master key, or changed or moved bytes
│   └── Forbidden           a key that is unknown, or that is not for this carrier or shipper
└── Stop                    going on would do harm; the process must end
    ├── BadSettings         a variable that is missing or wrong
    ├── Fenced              another worker owns this partition now
    ├── LogChanged          the log is not the one that the state was built from
    └── SchemaMismatch      contracts in the registry and in the code do not fit
"""


class BuutaError(Exception):
    """The root of all errors that Buuta raises on purpose."""


class Retry(BuutaError):
    """The same attempt may succeed later."""


class KafkaAway(Retry):
    """Kafka did not acknowledge in time."""


class DatabaseAway(Retry):
    """PostgreSQL cannot be reached or is shutting down."""


class FormatAway(Retry):
    """A carrier's tables are not loaded in this process: a setting is missing, what came is not wrong."""


class SchemaUnanswered(Retry):
    """The schema registry answers, and not for one id; after so many tries that id counts as unknown."""


class Paused(Retry):
    """The partition was stopped; `buuta partitions resume` lets it go on."""

    def __init__(self, partition: int, why: str) -> None:
        super().__init__(f"partition {partition} is paused: {why}")
        self.partition = partition


class Reject(BuutaError):
    """This item is wrong; its neighbours go on."""


class BadItem(Reject):
    """A report that breaks a rule.

    `code` is for machines and stable; `field` names the place in the item; the message says what to fix.
    """

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class Undecodable(Reject):
    """Bytes that no schema of ours reads."""


class SchemaUnknown(Undecodable):
    """A schema id that the registry does not know or does not answer for; once it does, the bytes may read."""


class Unsendable(Reject):
    """A record that Kafka refuses while it takes others."""


class Unopenable(Reject):
    """What was sealed does not open: another master key, or bytes that were changed or moved."""


class Forbidden(Reject):
    """A key that is unknown, or that is not for this carrier or shipper."""


class Stop(BuutaError):
    """Going on would do harm; the process must end."""


class BadSettings(Stop):
    """A setting that is missing or wrong; the message names the variable, its value and what it wants."""


class Fenced(Stop):
    """Another worker has taken the partition over; this one must not write to it."""


class LogChanged(Stop):
    """The log was made anew, cut off, emptied by retention, or has other partitions than before."""


class SchemaMismatch(Stop):
    """The contracts in the registry and in the code do not fit."""
