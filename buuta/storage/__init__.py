"""PostgreSQL: pools, migrations, the vault that holds personal data."""
