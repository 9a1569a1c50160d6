"""The way to the peer: dialling, TLS, proxies, and the frames of RFC 6455.

Importing this loads neither ``ssl`` nor websocket-client; the first dial does.
"""
