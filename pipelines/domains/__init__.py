"""The pipelines that come with Millrace, found as a user's own are; nothing imports them by name."""
