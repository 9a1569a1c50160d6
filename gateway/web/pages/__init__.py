"""The pages a person looks at: plain HTML that works without a script, and stays fresh with one."""
