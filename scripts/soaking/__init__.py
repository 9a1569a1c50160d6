"""The soak's two processes: a platform that misbehaves by schedule, and the gateway before it."""
