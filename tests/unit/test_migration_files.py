"""Migrations read as texts: what may take as long as a table is large has no place in a file's transaction.

While a file works its locks are held, however short the wait for them was: whoever reads or writes the table waits.
"""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "buuta/storage/migrations"
EXEMPT = {
    "0005_figures.sql": "gives the rate cells another key",
    "0008_epochs.sql": "fills declarations from parcels",
    "0015_quarantine.sql": "checks what waits in quarantine",
    "0017_keys.sql": "copies the keys of carriers",
    "0022_carriers.sql": "checks the carriers",
    "0040_standing.sql": "writes each registration anew, twice",
    "0041_namings.sql": "checks the shippers of parcels",
    "0047_access_keys.sql": "copies the keys of shippers and operators",
    "0060_vault.sql": "writes the quarantine and its indexes anew; what was sealed before is not read any more",
    "0061_nothing_typed.sql": "empties the answers that were remembered",
    "0066_sums.sql": "fills the sums from the cells, which nobody writes meanwhile",
}
"""Files from before the first release, for tables that are empty or services that stand still; no file more."""
COMMENT = re.compile(r"--[^\n]*")
FUNCTION = re.compile(r"create (?:or replace )?function.*?\$(\w*)\$.*?\$\1\$", re.DOTALL)
MADE = re.compile(r"create (?:unlogged )?table (?:if not exists )?(\w+)")
WRITES = re.compile(
    r"\bupdate (?:only )?(?!set\b)(\w+)(?: (?:as )?\w+)? set\b|\bdelete from (?:only )?(\w+)|"
    r"^truncate (?:table )?(\w+)"
)
FILLS = re.compile(r"^(?:with .*)?insert into \w+.*\bselect\b")
READS = re.compile(r"\b(?:from|join) (\w+)")
ALTERS = re.compile(r"^alter table (?:if exists )?(?:only )?(\w+)")
ANEW = re.compile(
    r"\b(?:set data )?type \w|\bset not null|\bset (?:un)?logged|\bset tablespace|"
    r"\bgenerated (?:always|by default)|"
    r"\b(?:small|big)?serial\b|\b(?:gen_random_uuid|random|clock_timestamp|nextval|uuidv7)\s*\(|"
    r"\badd (?:constraint \w+ )?(?:primary key|unique|check|foreign key|exclude)\b|"
    r"\badd column [^,]*\b(?:references|unique|primary key|check)\b"
)
WHOLE = re.compile(r"^(?:cluster|vacuum|reindex(?! \w+ concurrently)|refresh materialized view)\b")


def slow(sql: str) -> list[str]:
    """The statements of a file that read or write all of a table that was there before it."""
    plain = FUNCTION.sub("", COMMENT.sub("", sql.lower()))
    made = set(MADE.findall(plain))
    statements = (" ".join(each.split()) for each in plain.split(";"))
    return [each for each in statements if _is_slow(each, made)]


def _is_slow(statement: str, made: set[str]) -> bool:
    written = {name for found in WRITES.findall(statement) for name in found if name}
    read = set(READS.findall(statement)) if FILLS.search(statement) else set()
    altered = (
        set(ALTERS.findall(statement)) if ANEW.search(statement) and "not valid" not in statement else set()
    )
    return bool((written | read | altered) - made) or bool(WHOLE.search(statement))


def test_no_file_rewrites_fills_or_checks_a_table_of_before_but_those_from_before_the_first_release() -> (
    None
):
    found = {path.name: slow(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.sql"))}
    told = {name: statements for name, statements in found.items() if statements and name not in EXEMPT}
    assert told == {}, "do it in batches beside the services, and let the file only make room for it"
    assert {name for name, statements in found.items() if statements} == set(EXEMPT), (
        "none is exempt for nothing"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "update scans set facility = null;", "update scans s set a = 1;", "with x as (select 1) delete from scans;",
        "create table probe (a int); insert into probe select 1 from scans;", "truncate scans;",
        "alter table scans alter column attempt type bigint;", "alter table scans alter column a set not null;",
        "alter table scans add column a uuid default gen_random_uuid();",
        "alter table scans add check (attempt > 0);",
        "alter table scans add column a text references carriers;", "do $$ begin update scans set a = 1; end $$;",
        "alter table scans add column a bigserial;", "refresh materialized view probe;",
    ],
)  # fmt: skip
def test_what_takes_as_long_as_a_table_is_large_is_seen(sql: str) -> None:
    assert slow(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "alter table scans add column a text;", "alter table scans add column a bigint not null default 0;",
        "alter table scans add column a timestamptz default now();", "alter table scans drop column a;",
        "alter table scans add constraint few check (attempt > 0) not valid;", "-- update scans set a = 1;",
        "create table probe (a int primary key); insert into probe values (1); update probe set a = 2;",
        "create function f() returns trigger language plpgsql as $$ begin update scans set a = 1; end $$;",
        "create trigger t after update on scans for each row execute function f();",
        "insert into probe values (1) on conflict do update set a = 2;",
    ],
)  # fmt: skip
def test_what_only_makes_room_is_not(sql: str) -> None:
    assert slow(sql) == []
