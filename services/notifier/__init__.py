"""The notifier: milestones in, SMS and e-mail out."""
