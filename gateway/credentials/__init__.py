"""Where the credentials of accounts come from, and where they are kept."""
