//! The description of the API: what all routes have in common. The rest stands with each route.

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, RefOr, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::problem::{Code, ProblemDocument};

/// A body that is no text.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "it is never made; this describes it")]
pub(crate) struct Binary(Vec<u8>);

/// What stands before the routes.
pub(crate) fn base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Annals")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("What was true when, and what was believed of it when."))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()))
        .build();
    OpenApiBuilder::new().info(info).build()
}

/// Adds what all routes have in common: their problems, and how tokens come.
pub(crate) fn complete(api: &mut OpenApi) {
    let components = api.components.get_or_insert_with(Components::new);
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("token", SecurityScheme::Http(scheme));
    components.schemas.insert("Problem".to_owned(), ProblemDocument::schema());
    api.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    for item in api.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.delete, &mut item.put, &mut item.patch];
        operations.into_iter().flatten().for_each(add_problems);
    }
}

/// Every route can answer with every problem, as far as a client can tell: it goes by the code.
fn add_problems(operation: &mut Operation) {
    let mut by_status: std::collections::BTreeMap<u16, Vec<Code>> = Default::default();
    for code in Code::ALL {
        by_status.entry(code.status().as_u16()).or_default().push(*code);
    }
    for (status, codes) in by_status {
        let meanings = codes.iter().map(|code| format!("`{}`: {}", code.text(), code.meaning()));
        let reference = utoipa::openapi::Ref::from_schema_name("Problem");
        let content = ContentBuilder::new().schema(Some(reference)).build();
        let response = ResponseBuilder::new()
            .description(meanings.collect::<Vec<_>>().join("\n\n"))
            .content("application/problem+json", content)
            .build();
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_string()).or_insert(RefOr::T(response));
    }
}
