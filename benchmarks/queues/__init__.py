"""Queues on Postgres, each behind the same few functions, so that one script can measure them all.

A queue is a module with

- `install(database)`: whatever it needs in a fresh database,
- `fill(database, quantity)`: so many pieces of work that do nothing, ready to be taken,
- `drain(database, worker, batch)`: take and finish `batch` at a time until nothing is left; answers
  how many it finished. Each worker has one connection and runs in a process of its own.
"""
