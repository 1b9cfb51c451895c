#!/usr/bin/env python3
"""Lets the oldest tenth of the same versions go elsewhere: DELETE in DuckDB, a partition drop in PostgreSQL.

Takes a Parquet file with the columns sensor, value, _valid_from, _valid_to; prints a line for each system, or that it is
missing. DuckDB is its module for Python (scripts/install-rivals installs it). PostgreSQL is the server that the variable
ANNALS_POSTGRES names, as a connection string for psql; the table is made in it and dropped again.
"""
import os
import subprocess
import sys
import tempfile
import time

PATH = sys.argv[1]
MONTHS = 10


def duckdb_delete():
    try:
        import duckdb
    except ImportError:
        print("DuckDB: skipped, its module for Python is missing")
        return
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(os.path.join(folder, "db"))
        connection.execute(f"CREATE TABLE readings AS SELECT * FROM '{PATH}'")
        connection.execute("CHECKPOINT")
        began = time.perf_counter()
        connection.execute("DELETE FROM readings WHERE _valid_to <= TIMESTAMPTZ '2023-02-01 00:00:00Z'")
        deleted = time.perf_counter()
        connection.execute("CHECKPOINT")
        ended = time.perf_counter()
        left = connection.execute("SELECT count(*) FROM readings").fetchone()[0]
        print(
            f"DuckDB {duckdb.__version__}: DELETE {1e3 * (deleted - began):.1f} ms, with CHECKPOINT "
            f"{1e3 * (ended - began):.1f} ms ({left} rows left)"
        )


def postgres_drop():
    server = os.environ.get("ANNALS_POSTGRES")
    if not server:
        print("PostgreSQL: skipped, ANNALS_POSTGRES names no server")
        return
    try:
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError:
        print("PostgreSQL: skipped, pyarrow is missing")
        return

    def psql(*commands, data=None):
        arguments = ["psql", server, "-qAt", "-v", "ON_ERROR_STOP=1"]
        for command in commands:
            arguments += ["-c", command]
        return subprocess.run(arguments, stdin=data, check=True, capture_output=True, text=True).stdout

    bounds = [f"2023-{month:02}-01" for month in range(1, MONTHS + 2)]
    # A partition holds what ended in its month: after its first instant, up to the first of the next.
    parts = [
        f"CREATE TABLE readings_{at} PARTITION OF readings FOR VALUES FROM "
        f"(TIMESTAMPTZ '{bounds[at]} 00:00:00.000001Z') TO (TIMESTAMPTZ '{bounds[at + 1]} 00:00:00.000001Z')"
        for at in range(MONTHS)
    ]
    psql(
        "DROP TABLE IF EXISTS readings",
        "CREATE TABLE readings (sensor bigint, value double precision, valid_from timestamptz, valid_to timestamptz) "
        "PARTITION BY RANGE (valid_to)",
        *parts,
        "CREATE INDEX ON readings (sensor, valid_from)",
    )
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        table = pyarrow.parquet.read_table(PATH)
        pyarrow.csv.write_csv(table, file.name, pyarrow.csv.WriteOptions(include_header=False))
        with open(file.name, encoding="utf-8") as data:
            psql("SET TIME ZONE 'UTC'", "COPY readings FROM STDIN CSV", data=data)
    timing = psql("\\timing on", "DROP TABLE readings_0")
    left = psql("SELECT count(*) FROM readings").strip()
    version = psql("SHOW server_version").strip().split()[0]
    psql("DROP TABLE readings")
    took = timing.split("Time:")[1].split("ms")[0].strip()
    print(f"PostgreSQL {version}: drop of a partition {took} ms ({left} rows left)")


duckdb_delete()
postgres_drop()
