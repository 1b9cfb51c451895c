//! Tokens from the file to the door, with a clock of the test's own; certificates and keys that fit or do not.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use tempfile::TempDir;

use super::file::Entry;
use super::*;

/// A file of tokens and a clock.
struct Place {
    folder: TempDir,
    seconds: Arc<AtomicI64>,
}

impl Place {
    fn new() -> Place {
        let seconds = Arc::new(AtomicI64::new(1_700_000_000));
        Place { folder: tempfile::tempdir().unwrap(), seconds }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("server/tokens.toml")
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.seconds.load(Ordering::SeqCst)).unwrap()
    }

    fn wait(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Makes a token, and returns the header that brings it.
    fn create(&self, name: &str, role: Role, expires_days: Option<u32>) -> String {
        let secret = Secret::generate().unwrap();
        let entry = Entry::new(name, role, secret.fingerprint(), self.now(), expires_days).unwrap();
        file::update(&self.path(), |entries| {
            entries.push(entry);
            Ok(())
        })
        .unwrap();
        format!("Bearer {}", secret.reveal())
    }

    fn revoke(&self, name: &str) {
        file::update(&self.path(), |entries| {
            entries.retain(|entry| entry.name != name);
            Ok(())
        })
        .unwrap();
    }

    fn tokens(&self) -> Tokens {
        let seconds = self.seconds.clone();
        let now = move || Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap();
        Tokens::open_at(&self.path(), Box::new(now)).unwrap()
    }

    /// What is wrong with a file of tokens of this text.
    fn refusal(&self, text: &str) -> String {
        fs::create_dir_all(self.path().parent().unwrap()).unwrap();
        fs::write(self.path(), text).unwrap();
        let error = Tokens::open(&self.path()).expect_err("an error").to_string();
        error.replace(&self.path().display().to_string(), "tokens.toml")
    }
}

#[track_caller]
fn check(tokens: &Tokens, header: Option<&str>, expect: Result<(&str, Role), AuthError>) {
    let found = tokens.authenticate(header);
    let found = found.as_ref().map(|identity| (&*identity.name, identity.role)).map_err(|e| *e);
    assert_eq!(found, expect, "{header:?}");
}

#[test]
fn a_token_lets_in_whom_it_names() {
    let place = Place::new();
    let ada = place.create("ada", Role::Reader, None);
    let ben = place.create("ben", Role::Admin, None);
    let tokens = place.tokens();
    check(&tokens, Some(&ada), Ok(("ada", Role::Reader)));
    check(&tokens, Some(&ben), Ok(("ben", Role::Admin)));
    check(&tokens, Some(&ada.replace("Bearer ", "bearer  ")), Ok(("ada", Role::Reader)));
    check(&tokens, None, Err(AuthError::Missing));
    let token = ada.strip_prefix("Bearer ").unwrap();
    assert!(token.starts_with("annals_") && token.len() == 50, "256 bits");
    for header in ["", "Bearer", "Bearer ", "Basic YTpi", token, "Bearer two words", "Bearer é"] {
        check(&tokens, Some(header), Err(AuthError::Malformed));
    }
    let cut = &ada[..ada.len() - 1];
    for header in [cut, &format!("{ada}A"), "Bearer x", &ada.replace("annals_", "")] {
        check(&tokens, Some(header), Err(AuthError::Unknown));
    }
}

#[test]
fn roles_are_ordered() {
    assert!(Role::Reader < Role::Writer && Role::Writer < Role::Admin);
    for role in [Role::Reader, Role::Writer, Role::Admin] {
        assert_eq!(Role::of_name(role.name()), Some(role));
    }
}

#[test]
fn a_token_expires_at_its_instant() {
    let place = Place::new();
    let header = place.create("ada", Role::Reader, Some(2));
    let tokens = place.tokens();
    place.wait(2 * 86_400 - 1);
    check(&tokens, Some(&header), Ok(("ada", Role::Reader)));
    place.wait(1);
    check(&tokens, Some(&header), Err(AuthError::Expired));
    let warnings = tokens.warnings();
    assert!(warnings[0].ends_with("has no token that lets anybody in"), "{warnings:?}");
}

#[test]
fn changes_of_the_file_are_followed_within_a_second_and_not_looked_for_more_often() {
    let place = Place::new();
    let ada = place.create("ada", Role::Reader, None);
    let tokens = place.tokens();
    let ben = place.create("ben", Role::Writer, None);
    check(&tokens, Some(&ben), Err(AuthError::Unknown));
    place.wait(1);
    check(&tokens, Some(&ben), Ok(("ben", Role::Writer)));
    place.revoke("ada");
    check(&tokens, Some(&ada), Ok(("ada", Role::Reader)));
    place.wait(1);
    check(&tokens, Some(&ada), Err(AuthError::Unknown));
    place.revoke("ben");
    place.wait(-3_600);
    check(&tokens, Some(&ben), Err(AuthError::Unknown));
}

#[test]
fn without_a_file_everybody_is_let_in_until_there_is_one() {
    let place = Place::new();
    let tokens = place.tokens();
    assert!(!tokens.is_required());
    check(&tokens, None, Ok((ANONYMOUS, Role::Admin)));
    check(&tokens, Some("Bearer any"), Ok((ANONYMOUS, Role::Admin)));
    let ada = place.create("ada", Role::Reader, None);
    place.wait(1);
    check(&tokens, None, Err(AuthError::Missing));
    check(&tokens, Some(&ada), Ok(("ada", Role::Reader)));
    assert!(tokens.is_required());
}

#[test]
fn a_file_that_is_removed_or_emptied_locks_out() {
    let place = Place::new();
    let ada = place.create("ada", Role::Admin, None);
    let tokens = place.tokens();
    fs::remove_file(place.path()).unwrap();
    place.wait(1);
    check(&tokens, Some(&ada), Err(AuthError::Unknown));
    check(&tokens, None, Err(AuthError::Missing));
    place.create("ben", Role::Admin, None);
    place.revoke("ben");
    assert!(place.tokens().is_required(), "also after a restart");
}

#[test]
fn a_file_that_makes_no_sense_changes_nothing() {
    let place = Place::new();
    let ada = place.create("ada", Role::Reader, None);
    let tokens = place.tokens();
    let good = fs::read(place.path()).unwrap();
    let damages: [&[u8]; 3] = [b"[[token]]\nname = 1\n", &good[..good.len() - 10], &[0xFF]];
    for damage in damages {
        fs::write(place.path(), damage).unwrap();
        place.wait(1);
        check(&tokens, Some(&ada), Ok(("ada", Role::Reader)));
    }
    fs::remove_file(place.path()).unwrap();
    fs::create_dir(place.path()).unwrap();
    place.wait(1);
    check(&tokens, Some(&ada), Ok(("ada", Role::Reader)));
    fs::remove_dir(place.path()).unwrap();
    fs::write(place.path(), "").unwrap();
    place.wait(1);
    check(&tokens, Some(&ada), Err(AuthError::Unknown));
}

#[test]
fn errors_about_the_file_name_lines_and_show_nothing_of_it() {
    let place = Place::new();
    let line = |name: &str, role: &str, sha256: &str, created: &str| {
        format!("[[token]]\nname='{name}'\nrole='{role}'\nsha256='{sha256}'\ncreated='{created}'\n")
    };
    let (hash, instant) = ("ab".repeat(32), "2024-01-01T00:00:00Z");
    let good = line("ada", "reader", &hash, instant);
    let secret = "annals_secret";
    let check = |text: String, expect: &str| {
        let error = place.refusal(&text);
        assert_eq!(error, format!("tokens.toml:{expect}"));
        assert!(!error.contains("secret"));
    };
    check(format!("token = '{secret}'"), "1: this is not as `annals token` writes it");
    check(format!("{good}token = '{secret}'"), "6: this is not as `annals token` writes it");
    check(line("ada", secret, &hash, instant), "1: the role of this token is none");
    check(
        line(&format!("{secret} "), "reader", &hash, instant),
        "1: the name of this token is none",
    );
    check(line("anonymous", "reader", &hash, instant), "1: the name of this token is none");
    check(line("ada", "reader", secret, instant), "1: the SHA-256 of this token is none");
    check(line("ada", "reader", &"é".repeat(32), instant), "1: the SHA-256 of this token is none");
    check(line("ada", "reader", &hash, secret), "1: an instant of this token is none");
    check(format!("{good}{good}"), "6: this token has the name of one before it");
}

#[test]
fn the_file_has_no_token_and_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let header = place.create("ada", Role::Reader, Some(30));
    let token = header.strip_prefix("Bearer ").unwrap();
    let text = fs::read_to_string(place.path()).unwrap();
    assert!(text.contains("ada") && !text.contains(token), "{text}");
    assert!(!text.contains(&token["annals_".len()..]));
    assert_eq!(fs::metadata(place.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(place.tokens().warnings(), Vec::<String>::new());
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o640)).unwrap();
    let warnings = place.tokens().warnings();
    assert!(warnings[0].contains("can be read by others"), "{warnings:?}");
    let shown = format!("{:?} {:?}", place.tokens(), Secret::generate().unwrap());
    assert!(!shown.contains("annals_") && !shown.contains("ada"), "{shown}");
    let names: Vec<_> = fs::read_dir(place.path().parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 1, "no temporary file is left");
}

#[test]
fn names_and_ends_that_are_none_are_refused() {
    let fingerprint = Secret::generate().unwrap().fingerprint();
    let new =
        |name: &str, days| Entry::new(name, Role::Reader, fingerprint, Timestamp::UNIX_EPOCH, days);
    for name in ["", "a b", "a\"b", "a\nb", "é", "anonymous", &"a".repeat(65)] {
        assert!(new(name, None).is_err(), "{name}");
    }
    assert!(new(&"a".repeat(64), Some(1)).is_ok());
    let error = new("ada", Some(u32::MAX)).unwrap_err().to_string();
    assert_eq!(error, "--expires-days 4294967295 is after the year 9999");
}

#[test]
fn a_change_that_fails_leaves_the_file_as_it_was() {
    let place = Place::new();
    place.create("ada", Role::Reader, None);
    let before = fs::read(place.path()).unwrap();
    let result: Result<()> = file::update(&place.path(), |entries| {
        entries.clear();
        Err(Failure::new("no"))
    });
    assert!(result.is_err());
    assert_eq!(fs::read(place.path()).unwrap(), before);
}

#[test]
fn a_network_is_listened_to_with_tokens_or_when_told_so() {
    let place = Place::new();
    let mut config = Config::of_dir(place.folder.path(), false);
    let open =
        |config: &Config| Access::open(config).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(open(&config), Ok(()));
    for listen in ["127.0.0.9:0", "[::1]:0"] {
        config.server.listen = listen.parse().unwrap();
        assert_eq!(open(&config), Ok(()), "{listen}");
    }
    for listen in ["0.0.0.0:7171", "[::]:7171", "192.0.2.1:7171"] {
        config.server.listen = listen.parse().unwrap();
        let error = open(&config).unwrap_err();
        assert!(
            error.starts_with(&format!("listening on {listen} would let everybody in")),
            "{error}"
        );
    }
    config.server.allow_anonymous = true;
    assert_eq!(open(&config), Ok(()));
    config.server.allow_anonymous = false;
    place.create("ada", Role::Reader, None);
    assert_eq!(open(&config), Ok(()));
}

mod certificates {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn certified() -> CertifiedKey<rcgen::KeyPair> {
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap()
    }

    /// What loading these two files does.
    fn load(certificate: &str, key: &str) -> Result<Arc<rustls::ServerConfig>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("cert.pem"), certificate).unwrap();
        fs::write(path("key.pem"), key).unwrap();
        let loaded = tls::load(&path("cert.pem"), &path("key.pem"));
        let shown = format!("{}/", folder.path().display());
        loaded.map_err(|error| error.to_string().replace(&shown, ""))
    }

    #[track_caller]
    fn check(certificate: &str, key: &str, expect: &str) {
        let error = load(certificate, key).expect_err("an error");
        assert_eq!(error, expect);
    }

    #[test]
    fn a_key_that_fits_its_certificate_is_loaded_for_http_1() {
        let mine = certified();
        let (certificate, key) = (mine.cert.pem(), mine.signing_key.serialize_pem());
        let config = load(&certificate, &key).unwrap();
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
        load(&format!("{certificate}{}", certified().cert.pem()), &key).expect("a chain");
        load(&format!("{key}{certificate}"), &format!("{certificate}{key}")).expect("both in one");
    }

    /// The other two forms of a key, as `openssl ecparam -genkey` and `openssl genrsa -traditional` write them.
    #[test]
    fn keys_of_every_form_are_loaded() {
        let (certificate, key) =
            (include_str!("testdata/sec1.cert.pem"), include_str!("testdata/sec1.key.pem"));
        assert!(key.starts_with("-----BEGIN EC PRIVATE KEY-----"));
        load(certificate, key).expect("SEC1");
        let (certificate, key) =
            (include_str!("testdata/pkcs1.cert.pem"), include_str!("testdata/pkcs1.key.pem"));
        assert!(key.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
        load(certificate, key).expect("PKCS#1");
    }

    #[test]
    fn what_does_not_fit_names_the_file_and_shows_nothing_of_it() {
        let (mine, other) = (certified(), certified());
        let (certificate, key) = (mine.cert.pem(), mine.signing_key.serialize_pem());
        let fits = "key.pem: it is not the key of the certificate in cert.pem";
        check(&certificate, &other.signing_key.serialize_pem(), fits);
        check("", &key, "cert.pem: there is no certificate in it");
        check(&certificate, &certificate, "key.pem: there is no private key in it");
        let half = &key[..key.len() / 2];
        check(&certificate, half, "key.pem: a section of it has no end");
        check(half, &key, "cert.pem: a section of it has no end");
        let spoilt = key.replacen("\nM", "\n!", 1);
        check(&certificate, &spoilt, "key.pem: a section of it is not base64");
        let error = load("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &key);
        assert!(error.unwrap_err().starts_with("cert.pem: "));
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let error = tls::load("no/cert.pem".as_ref(), "no/key.pem".as_ref()).unwrap_err();
        assert!(error.to_string().starts_with("no/cert.pem: No such file"), "{error}");
    }
}
