"""Durable jobs: downloads, builds, document work. One queue that survives a restart, one stream of events.

    manager.JobManager   the service's side: queue, children, pause, resume, cancel; the only writer of jobs.db
    child.run            the child's side: what a kind's process calls; it reports over its pipe
    store, migrations    jobs.db (SQLite WAL)

                 submit        start           result
                   |             |               |
                queued <----> running --------> done
                 |  ^           | |  \\
           pause |  | resume    | |   `-------> failed ---resume---> queued
                 v  |     pause | | disk full
                paused <--------' '          any but done ---cancel---> cancelled
"""
