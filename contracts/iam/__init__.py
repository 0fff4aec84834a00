"""IAM boundaries: what each role may do and must not, proved by its own credentials, and never by policy text alone.

`roles` says whose permissions are looked at, `policies` reads and evaluates their texts, `attempts` tries them live,
`permissions` says what is expected of whom; the contracts are in `allow_deny`, `boundary`, `trust` and `views`.
"""
