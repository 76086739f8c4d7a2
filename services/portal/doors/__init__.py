"""The ways to the portal: shippers' API, tracking, rates."""
