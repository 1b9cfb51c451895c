#!/usr/bin/env python3
"""Asks PostgreSQL for one key and for aggregates as of two instants, by pgbench with prepared statements.

Takes a Parquet file of resolved rectangles (key, qty, price, status, account, valid_from, valid_to, system_from, system_to),
the number of keys, numbers of clients such as 1,8 and the seconds of each run. The server is the one that the variable
ANNALS_POSTGRES names, as a connection string; the table is made in it and dropped again. Prints a JSON object for each run.
"""
import csv
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

PATH, KEYS, CLIENTS, SECONDS = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), float(sys.argv[4])
SERVER = os.environ.get("ANNALS_POSTGRES")
# The first instant of the data, and the last: "now".
START, NOW = 1598918400000000, 1704067200000000
HALF = START + (NOW - START) // 2

TABLE = """CREATE TABLE rectangles (key bigint NOT NULL, qty bigint NOT NULL, price double precision NOT NULL,
  status text NOT NULL, account text NOT NULL, valid_from timestamptz NOT NULL, valid_to timestamptz NOT NULL,
  system_from timestamptz NOT NULL, system_to timestamptz NOT NULL)"""
INSTANT = "to_timestamp({} / 1000000.0)"


def visible(system, valid):
    system, valid = INSTANT.format(system), INSTANT.format(valid)
    return (
        f"system_from <= {system} AND system_to > {system} AND valid_from <= {valid} AND valid_to > {valid}"
    )


def totals(at):
    return (
        "SELECT status, count(*), sum(qty), sum(price * qty) FROM rectangles "
        f"WHERE {visible(at, at)} GROUP BY status;\n"
    )


SCRIPTS = {
    "one key": (
        f"\\set key random(0, {KEYS - 1})\n\\set system random({START}, {NOW})\n\\set valid random({START}, {NOW})\n"
        f"SELECT qty, price, status, account FROM rectangles WHERE key = :key AND {visible(':system', ':valid')};\n"
    ),
    "Q1 of all keys": totals(NOW),
    "Q2 of all keys": totals(HALF),
}


def psql(*commands, data=None):
    arguments = ["psql", SERVER, "-qAt", "-v", "ON_ERROR_STOP=1"]
    for command in commands:
        arguments += ["-c", command]
    return subprocess.run(arguments, stdin=data, check=True, stdout=subprocess.PIPE, text=True).stdout


def load():
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    psql("DROP TABLE IF EXISTS rectangles", TABLE)
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        table = pyarrow.parquet.read_table(PATH)
        # An end that is none is `infinity`, which comparisons need no special case for.
        for name in ("valid_to", "system_to"):
            ends = table.column(name).cast(pyarrow.string()).fill_null("infinity")
            table = table.set_column(table.schema.get_field_index(name), name, ends)
        pyarrow.csv.write_csv(table, file.name, pyarrow.csv.WriteOptions(include_header=False))
        with open(file.name, encoding="utf-8") as data:
            psql("SET TIME ZONE 'UTC'", "COPY rectangles FROM STDIN CSV", data=data)
    psql("CREATE INDEX ON rectangles (key, system_from)", "VACUUM (ANALYZE, FREEZE) rectangles")


def run(name, script, clients):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "script.sql")
        with open(path, "w", encoding="utf-8") as file:
            file.write(script)
        log = os.path.join(folder, "log")
        subprocess.run(
            ["pgbench", SERVER, "-n", "-M", "prepared", "-c", clients, "-j", clients, "-T", str(max(1, round(SECONDS)))]
            + ["-f", path, "-l", "--log-prefix", log],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        took, ends = [], []
        for path in glob.glob(log + ".*"):
            with open(path, encoding="utf-8") as file:
                for row in csv.reader(file, delimiter=" "):
                    took.append(int(row[2]))
                    ends.append(int(row[4]) * 1_000_000 + int(row[5]))
    took.sort()
    seconds = (max(ends) - min(ends)) / 1e6
    version = psql("SHOW server_version").split()[0]
    print(json.dumps({
        "name": f"PostgreSQL {version}: {name}", "client_count": int(clients), "request_count": len(took),
        "seconds": seconds, "requests_per_second": len(took) / seconds,
        "us_p50": took[len(took) // 2], "us_p99": took[min(len(took) - 1, len(took) * 99 // 100)],
    }))


def main():
    if not SERVER:
        print("PostgreSQL: skipped, ANNALS_POSTGRES names no server", file=sys.stderr)
        return
    if not shutil.which("pgbench"):
        print("PostgreSQL: skipped, pgbench is missing", file=sys.stderr)
        return
    load()
    for name, script in SCRIPTS.items():
        for clients in CLIENTS:
            run(name, script, clients)
    psql("DROP TABLE rectangles")


main()
