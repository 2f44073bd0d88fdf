#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes a database as podman has them since 4.8, by SQLite itself, for test-databases: make-podman-database.py FILE.

Container N, whose id is N in 64 hex digits, has the configuration {"number":N,"filler":"..."}; the longer N is, the longer is that.
"""
import os
import sqlite3
import sys

COUNT = 500

if os.path.exists(sys.argv[1]):
    os.unlink(sys.argv[1])
database = sqlite3.connect(sys.argv[1])
database.execute(
    "CREATE TABLE ContainerConfig(ID TEXT PRIMARY KEY NOT NULL, Name TEXT UNIQUE NOT NULL, PodID TEXT, JSON TEXT NOT NULL)"
)
for number in range(COUNT):
    config = '{"number":%d,"filler":"%s"}' % (number, "x" * (number * 37 % 20000))
    row = ("%064x" % number, "name%d" % number, None, config.encode() if number % 2 else config)
    database.execute("INSERT INTO ContainerConfig VALUES(?, ?, ?, ?)", row)
database.commit()
