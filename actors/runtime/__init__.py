"""The only home of pykka and threads."""
