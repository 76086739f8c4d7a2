"""Who may report and from where: carriers, their keys and habits, facilities, manifests, polls, operators."""
