"""The pipelines that come with Millrace.

They are found as a user's own are; nothing imports them by name.
"""
