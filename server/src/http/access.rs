//! Who asks, and what they may do.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::problem::{Code, Problem};
use super::state::App;
use crate::auth::{AuthError, Identity, Role};

/// Who sends this request. Where no token is asked for it may be anyone, but for a page of another site in the browser of someone who
/// can reach the server.
fn who(app: &App, headers: &HeaderMap, uri: &Uri) -> Result<Identity, Problem> {
    if !app.tokens.is_required() {
        check_site(headers, uri, app.config.server.listen.ip().is_loopback())?;
    }
    let header = headers.get(header::AUTHORIZATION);
    // What is no text is no token either.
    let text = header.map(|value| value.to_str().unwrap_or_default());
    let refuse = |error: AuthError| Problem::new(Code::Unauthenticated, error.to_string());
    app.tokens.authenticate(text).map_err(refuse)
}

/// Refuses what a page of another site may have sent without its user's knowledge.
fn check_site(headers: &HeaderMap, uri: &Uri, is_loopback: bool) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).or(uri.authority().map(|authority| authority.as_str()));
    if is_loopback && !host.is_some_and(is_this_machine) {
        let detail = format!("`{}` is not a name of this machine", host.unwrap_or_default());
        return Err(Problem::new(Code::CrossOrigin, detail));
    }
    if let Some(origin) = text(header::ORIGIN) {
        let site = origin.split_once("://").map(|(_, site)| site);
        if site.is_none() || site != host {
            let detail = format!("pages of `{origin}` are not answered");
            return Err(Problem::new(Code::CrossOrigin, detail));
        }
    }
    Ok(())
}

/// Whether the host of a request, with or without a port, is a name of the machine it came to.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => return rest.split(']').next() == Some("::1"),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = name.parse::<std::net::Ipv4Addr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Finds out who asks; what comes behind can rely on an [`Identity`] in the extensions of the request.
pub(crate) async fn identify(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let identity = who(&app, request.headers(), request.uri())?;
    request.extensions_mut().insert(identity);
    Ok(next.run(request).await)
}

/// An error unless the role allows what `needed` may do.
pub(crate) fn check_role(identity: &Identity, needed: Role, what: &str) -> Result<(), Problem> {
    if identity.role >= needed {
        return Ok(());
    }
    let (name, role) = (&identity.name, identity.role.name());
    let detail = format!("{what} takes the role {}, and `{name}` is a {role}", needed.name());
    Err(Problem::new(Code::Forbidden, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: Option<&str>, is_loopback: bool, is_answered: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().expect("a host"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().expect("an origin"));
        }
        let checked = check_site(&headers, &Uri::from_static("/v1/sql"), is_loopback);
        assert_eq!(checked.is_ok(), is_answered, "{host} from {origin:?}");
    }

    #[test]
    fn a_server_for_this_machine_goes_by_its_names_alone() {
        for host in ["localhost", "LOCALHOST:7171", "127.0.0.1:7171", "127.1.2.3", "[::1]:7171"] {
            check(host, None, true, true);
        }
        for host in ["evil.example:7171", "127.0.0.1.evil.example", "[::2]", "", "localhost.evil"] {
            check(host, None, true, false);
        }
        check("db.example", None, false, true);
    }

    #[test]
    fn pages_of_other_sites_are_not_answered() {
        check("localhost:7171", Some("http://localhost:7171"), true, true);
        check("localhost:7171", Some("http://localhost:8080"), true, false);
        check("localhost:7171", Some("https://evil.example"), true, false);
        check("localhost:7171", Some("null"), true, false);
        check("db.example", Some("https://evil.example"), false, false);
    }
}
