"""Parts of the benchmarks: what is fed, who is fed, and how it is judged."""
