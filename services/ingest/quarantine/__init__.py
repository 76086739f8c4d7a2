"""What was set aside: kept, looked at, mapped, read once more."""
