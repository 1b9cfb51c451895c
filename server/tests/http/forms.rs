//! The same rows as JSON, NDJSON, CSV and Arrow: every type, what is missing, and what is awkward to write.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, TimeUnit};
use arrow::ipc::reader::StreamReader;
use serde_json::json;

use super::common::Place;
use super::request::{Reply, Request};
use super::server::Server;

const FORMS: [&str; 4] =
    ["application/json", "application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"];

const CREATE: &str = "CREATE TABLE t (k BIGINT, a BOOLEAN, b SMALLINT, c INTEGER, d BIGINT, e REAL, f DOUBLE PRECISION,
    g DECIMAL(20,4), h TEXT, i BYTEA, j DATE, k2 TIMESTAMP, l UUID, m JSON, PRIMARY KEY (k))";

const INSERT: &str = r#"INSERT INTO t VALUES
    (1, true, -32768, 2147483647, '9007199254740992', '1.5', '-0.1', '1234567890123456.7890', 'plain', '\x00ff', '2024-02-29',
        '2024-02-29T12:00:00.000001Z', '00112233-4455-6677-8899-aabbccddeeff', '{"a": [1, null]}'),
    (2, false, 1, 1, '9007199254740993', '0', 'NaN', '-0.5', E'a,"b"\r\n\tc', '', '0001-01-01', '9999-12-31T23:59:59Z',
        'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', '"x"'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, true, 0, 0, '-9223372036854775808', 'Infinity', '-Infinity', '0', '雪 é 🦀 \ '' null', '\xe2', '1969-12-31', '1970-01-01',
        '00000000-0000-0000-0000-000000000000', 'null')"#;

const SELECT: &str = "SELECT k, a, b, c, d, e, f, g, h, i, j, k2, l, m FROM t ORDER BY k";

fn server_with_types(place: &Place) -> Server {
    let server = Server::start(place, "");
    server.run(CREATE);
    server.run(INSERT);
    server
}

fn ask(server: &Server, sql: &str, accept: &str) -> Reply {
    server.ask(&Request::sql(sql).accept(accept)).ok()
}

fn arrow_of(reply: &Reply) -> RecordBatch {
    let reader = StreamReader::try_new(reply.body.as_slice(), None).unwrap();
    let schema = reader.schema();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

#[test]
fn every_type_has_its_form_in_json() {
    let place = Place::new();
    let server = server_with_types(&place);
    let reply = ask(&server, SELECT, FORMS[0]);
    assert_eq!(reply.head.one("content-type"), "application/json");
    let answer = reply.json();
    let types: Vec<_> = answer["columns"].as_array().unwrap().iter().map(|c| &c["type"]).collect();
    let expect = [
        "BIGINT",
        "BOOLEAN",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "REAL",
        "DOUBLE PRECISION",
        "DECIMAL(20,4)",
        "TEXT",
        "BYTEA",
        "DATE",
        "TIMESTAMP",
        "UUID",
        "TEXT",
    ];
    assert_eq!(types, expect);
    let expect = json!([
        [
            1,
            true,
            -32768,
            2_147_483_647,
            9_007_199_254_740_992_i64,
            1.5,
            -0.1,
            "1234567890123456.7890",
            "plain",
            "\\x00ff",
            "2024-02-29",
            "2024-02-29T12:00:00.000001Z",
            "00112233-4455-6677-8899-aabbccddeeff",
            "{\"a\": [1, null]}"
        ],
        [
            2,
            false,
            1,
            1,
            "9007199254740993",
            0.0,
            "NaN",
            "-0.5000",
            "a,\"b\"\r\n\tc",
            "\\x",
            "0001-01-01",
            "9999-12-31T23:59:59Z",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "\"x\""
        ],
        [3, null, null, null, null, null, null, null, null, null, null, null, null, null],
        [
            4,
            true,
            0,
            0,
            "-9223372036854775808",
            "inf",
            "-inf",
            "0.0000",
            "雪 é 🦀 \\ ' null",
            "\\xe2",
            "1969-12-31",
            "1970-01-01T00:00:00Z",
            "00000000-0000-0000-0000-000000000000",
            "null"
        ],
    ]);
    assert_eq!(answer["rows"], expect, "{}", reply.text());
    server.stop();
}

#[test]
fn the_other_forms_say_the_same() {
    let place = Place::new();
    let server = server_with_types(&place);
    let answer = ask(&server, SELECT, FORMS[0]).json();
    let names: Vec<&str> =
        answer["columns"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    let rows = answer["rows"].as_array().unwrap();

    let lines = ask(&server, SELECT, FORMS[1]);
    assert_eq!(lines.head.one("content-type"), FORMS[1]);
    let lines: Vec<serde_json::Value> =
        lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), rows.len());
    for (line, row) in lines.iter().zip(rows) {
        let values: Vec<_> = names.iter().map(|name| line[*name].clone()).collect();
        assert_eq!(json!(values), *row);
    }

    let csv = ask(&server, SELECT, FORMS[2]);
    assert_eq!(csv.head.one("content-type"), FORMS[2]);
    let (head, rest) = csv.text().split_once('\n').unwrap();
    assert_eq!(head, names.join(","));
    assert!(
        rest.starts_with(
            "1,true,-32768,2147483647,9007199254740992,1.5,-0.1,1234567890123456.7890,plain,"
        ),
        "{rest}"
    );
    assert!(rest.contains("\"a,\"\"b\"\"\r\n\tc\""), "{rest}");
    assert!(rest.contains("\n3,,,,,,,,,,,,,\n"), "{rest}");
    assert!(rest.contains("雪 é 🦀 \\ ' null"), "{rest}");

    let reply = ask(&server, SELECT, FORMS[3]);
    assert_eq!(reply.head.one("content-type"), FORMS[3]);
    let batch = arrow_of(&reply);
    assert_eq!(batch.num_rows(), rows.len());
    let fields = batch.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
    assert_eq!(fields, names);
    assert_eq!(batch.column(4).as_primitive::<Int64Type>().value(1), 9_007_199_254_740_993);
    let doubles = batch.column(6).as_primitive::<Float64Type>();
    assert!(doubles.value(1).is_nan() && doubles.value(3) == f64::NEG_INFINITY);
    assert_eq!(batch.column(7).data_type(), &DataType::Decimal128(20, 4));
    assert_eq!(
        batch.column(7).as_primitive::<Decimal128Type>().value(0),
        12_345_678_901_234_567_890
    );
    assert_eq!(batch.column(8).as_string::<i32>().value(3), "雪 é 🦀 \\ ' null");
    assert_eq!(batch.column(9).as_binary::<i32>().value(0), [0, 0xff]);
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    assert_eq!(batch.column(11).data_type(), &instant);
    assert!(batch.columns()[1..].iter().all(|column| column.is_null(2)));
    server.stop();
}

#[test]
fn accept_chooses_by_weight_and_json_where_it_leaves_the_choice() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let check = |accept: &str, expect: &str| {
        let reply = ask(&server, "SELECT 1 AS one", accept);
        assert_eq!(reply.head.one("content-type"), expect, "for {accept}");
    };
    for form in FORMS {
        check(form, form);
        check(&format!("{form};q=0.9, */*;q=0.1"), form);
        check(&format!("text/html, {form};q=0.2"), form);
    }
    check("*/*", FORMS[0]);
    check("text/*", FORMS[2]);
    check("text/csv;q=0.3, application/x-ndjson;q=0.5", FORMS[1]);
    let none = server.ask(&Request::sql("SELECT 1 AS one").without("accept")).ok();
    assert_eq!(none.head.one("content-type"), FORMS[0]);
    for accept in ["text/html", "application/json;q=0", "image/*"] {
        let refused = server.ask(&Request::sql("SELECT 1").accept(accept));
        refused.check_problem(406, "not_acceptable", accept);
    }
    server.stop();
}

#[test]
fn columns_of_one_name_and_answers_without_rows_are_told_whole() {
    let place = Place::new();
    let server = server_with_types(&place);
    let twice = "SELECT x.k, y.k, x.h FROM t x JOIN t y ON x.k = y.k - 1 WHERE x.k = 1";
    let answer = ask(&server, twice, FORMS[0]).json();
    let names: Vec<_> = answer["columns"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(
        (json!(names), &answer["rows"]),
        (json!(["k", "k", "h"]), &json!([[1, 2, "plain"]]))
    );
    assert_eq!(ask(&server, twice, FORMS[1]).text(), "{\"k\":1,\"k_1\":2,\"h\":\"plain\"}\n");
    assert_eq!(ask(&server, twice, FORMS[2]).text(), "k,k,h\n1,2,plain\n");
    let batch = arrow_of(&ask(&server, twice, FORMS[3]));
    assert_eq!(batch.schema().field(1).name(), "k_1");

    let none = "SELECT k, h FROM t WHERE k = 77";
    let many = "SELECT k, h FROM t WHERE k > 77 ORDER BY h";
    for sql in [none, many] {
        let answer = ask(&server, sql, FORMS[0]).json();
        assert_eq!((&answer["rows"], &answer["columns"][1]["type"]), (&json!([]), &json!("TEXT")));
        assert_eq!(ask(&server, sql, FORMS[1]).text(), "");
        assert_eq!(ask(&server, sql, FORMS[2]).text(), "k,h\n");
        let batch = arrow_of(&ask(&server, sql, FORMS[3]));
        assert_eq!((batch.num_rows(), batch.num_columns()), (0, 2));
    }
    server.stop();
}

#[test]
fn types_that_no_table_has_are_answered_too() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let check = |expression: &str, json: &str, csv: &str| {
        let sql = format!("SELECT {expression} AS x");
        assert_eq!(server.rows(&sql), format!("[[{json}]]"), "{sql}");
        assert_eq!(ask(&server, &sql, FORMS[2]).text(), format!("x\n{csv}\n"), "{sql}");
        assert_eq!(arrow_of(&ask(&server, &sql, FORMS[3])).num_rows(), 1, "{sql}");
    };
    check("NULL", "null", "\"\"");
    check("CAST(7 AS TINYINT)", "7", "7");
    check(
        "CAST(18446744073709551615 AS BIGINT UNSIGNED)",
        r#""18446744073709551615""#,
        "18446744073709551615",
    );
    check(
        "arrow_cast('2024-01-01T00:00:00', 'Timestamp(Second, None)')",
        r#""2024-01-01T00:00:00Z""#,
        "2024-01-01T00:00:00Z",
    );
    check("make_array(1, 2)", r#""[1, 2]""#, "\"[1, 2]\"");
    check("''", r#""""#, "\"\"");
    let beyond = "SELECT arrow_cast(9223372036854775807, 'Timestamp(Second, None)') AS x";
    let refused = server.sql(beyond);
    assert!(refused.status() == 400, "{} {}", refused.status(), refused.text());
    server.stop();
}
