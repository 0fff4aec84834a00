"""Direct deletion: one module for each service, a table of deleters in each, and the order between them as data.

A service joins by a module with a `DELETERS` tuple and a line in `table`.
"""
