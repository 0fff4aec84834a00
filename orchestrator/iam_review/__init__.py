"""What a change does to access: who can do more, less or anything dangerous, told before it is applied.

`collect` reads policies from files, git, plans or a live environment into a `Snapshot`; `access` enumerates what the
principals of two snapshots can do; `diff` turns the difference into findings, `rules` judge single documents, and
`accepted` takes out what a team has agreed to. Evaluation itself is `orchestrator.iam`'s.
"""
