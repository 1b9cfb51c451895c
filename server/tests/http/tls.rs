//! Connections with TLS, and the doors of a server without tokens: names of this machine, pages of no other site.

use std::io::Read;
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

use super::client::Connection;
use super::common::Place;
use super::queries::ENDLESS;
use super::request::Request;
use super::server::Server;

const FLAGS: &str = "--tls-certificate cert.pem --tls-key key.pem";

fn certified() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap()
}

/// A folder with a certificate and its key, and what trusts it.
fn place_with_certificate() -> (Place, CertifiedKey<KeyPair>) {
    let (place, mine) = (Place::new(), certified());
    place.write("cert.pem", mine.cert.pem());
    place.write("key.pem", mine.signing_key.serialize_pem());
    (place, mine)
}

/// A client that trusts a certificate and speaks one version.
fn client(
    trusted: &CertifiedKey<KeyPair>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]);
    Arc::new(config.unwrap().with_root_certificates(roots).with_no_client_auth())
}

#[test]
fn requests_are_answered_with_tls_1_2_and_1_3() {
    let (place, mine) = place_with_certificate();
    let server = Server::start(&place, FLAGS);
    assert!(server.log().contains("listening on https://127.0.0.1:"), "{}", server.log());
    for version in [&version::TLS12, &version::TLS13] {
        let mut connection = Connection::open_tls(server.at, client(&mine, version));
        for number in [1, 2] {
            let sql = format!("SELECT {number} AS number");
            let reply = connection.ask(&Request::sql(&sql)).unwrap();
            assert_eq!(reply.rows(), format!("[[{number}]]"));
        }
        let long = connection.ask(&Request::sql("SELECT value FROM generate_series(1, 100000)"));
        assert_eq!(long.unwrap().ok().json()["rows"][99_999][0], 100_000);
    }
    server.stop();
}

#[test]
fn a_client_that_goes_away_ends_its_query_there_too() {
    let (place, mine) = place_with_certificate();
    let server = Server::start(&place, FLAGS);
    let config = client(&mine, &version::TLS13);
    let mut asking = Connection::open_tls(server.at, config.clone());
    asking.send(Request::sql(ENDLESS).accept("text/csv").bytes()).unwrap();
    assert_eq!(asking.head().unwrap().status, 200);
    drop(asking);
    let mut watching = Connection::open_tls(server.at, config);
    super::server::wait_until("nothing runs", || {
        let metrics = watching.ask(&Request::get("/metrics")).unwrap();
        metrics.text().contains("\nannals_running 0\n")
            && metrics.text().contains("\nannals_cancelled_total 1\n")
    });
    server.stop();
}

#[test]
fn who_does_not_speak_it_or_does_not_trust_it_gets_nothing() {
    let (place, mine) = place_with_certificate();
    let server = Server::start(&place, &format!("{FLAGS} --header-ms-max 200"));
    let mut plain = server.connect();
    plain.send(Request::get("/healthz").bytes()).unwrap();
    assert!(plain.head().is_err(), "no HTTP in the clear");
    let mut silent = server.connect();
    assert!(silent.is_closed(), "a handshake that does not begin is not waited for");
    let mut stranger = Connection::open_tls(server.at, client(&certified(), &version::TLS13));
    stranger.ask(&Request::get("/healthz")).unwrap_err();
    let mut known = Connection::open_tls(server.at, client(&mine, &version::TLS13));
    assert_eq!(known.ask(&Request::get("/healthz")).unwrap().text(), "alive\n");
    server.stop();
}

#[test]
fn pages_of_other_sites_and_names_of_other_machines_are_not_answered() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let ask = |headers: &[(&str, &str)]| {
        let mut request = Request::sql("SELECT 1 AS one");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        server.ask(&request)
    };
    let port = server.at.port();
    let own = format!("http://localhost:{port}");
    ask(&[]).ok();
    ask(&[("host", &format!("127.0.0.1:{port}"))]).ok();
    ask(&[("host", &format!("localhost:{port}")), ("origin", &own)]).ok();
    for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1"] {
        let refused = ask(&[("host", host)]);
        refused.check_problem(
            403,
            "cross_origin",
            &format!("`{host}` is not a name of this machine"),
        );
    }
    for origin in ["https://evil.example", "null", "http://localhost:1"] {
        let refused = ask(&[("origin", origin)]);
        refused.check_problem(
            403,
            "cross_origin",
            &format!("pages of `{origin}` are not answered"),
        );
    }
    let simple = Request::sql("SELECT 1").body("text/plain", "{\"sql\": \"SELECT 1\"}");
    server.ask(&simple).check_problem(415, "unsupported_media_type", "text/plain");
    let preflight = Request::new("OPTIONS", "/v1/sql").header("origin", "https://evil.example");
    let preflight = server.ask(&preflight);
    assert!(preflight.head.all("access-control-allow-origin").is_empty(), "{preflight:?}");
    server.stop();
}

#[test]
fn a_token_opens_the_door_to_pages_of_other_sites() {
    let place = Place::new();
    let token = place.annals("token create -d db --role reader --name page").ok();
    let server = Server::start(&place, "");
    let page = Request::sql("SELECT 1 AS one").header("origin", "https://page.example");
    let page = page.header("host", "db.example").token(token.trim());
    assert_eq!(server.ask(&page).rows(), "[[1]]");
    server.stop();
}

#[test]
fn a_request_without_a_host_is_refused() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let mut client = server.connect();
    client.send("GET /v1/tables HTTP/1.1\r\n\r\n").unwrap();
    let head = client.head().unwrap();
    let mut body = String::new();
    client.body(&head).read_to_string(&mut body).unwrap();
    assert!([400, 403].contains(&head.status), "{head:?} {body}");
    server.stop();
}
