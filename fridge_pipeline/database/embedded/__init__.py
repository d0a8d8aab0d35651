"""The embedded PostgreSQL 18: started on demand, kept up while anyone holds it, found again by everyone.

Its parts, from the outside in: ``server`` is the door (``EmbeddedServer``), ``logins`` what it hands out, ``cluster``
makes the data directory once and says which system user the server runs as, ``postmaster`` starts, finds and stops the
server process, ``binaries`` finds the programs, ``layout`` has the files, the port and what can go wrong.

The home (``FRIDGE_HOME/postgres``) holds everything::

    data/               the data directory; made under the name data.new and renamed when it is whole
    port                the TCP port on 127.0.0.1, chosen once
    fridge.password     password of the schema's owner, mode 0600
    fridge_app.password password of what daily work signs in with, mode 0600; fridge_finance.password that of finance,
                        fridge_metrics.password that of the metrics
    postgres.password   password of the superuser, mode 0600
    server.log          what the server says (server.log.1: the one before)
    holders.lock        shared kernel lock of every process that needs the server
    start.lock          exclusive kernel lock around starting and stopping
    pinned              present while the server must stay up without holders

Tests that need many databases hold one server per session and clone a prepared database for each test:
``create database test_7 template prepared`` as role ``fridge`` takes about 0.1 s
(``prepared`` must have no connections at that moment).
"""
