//! What speaks with the services that this build knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::{ObjectStore, ObjectStoreScheme};
use url::Url;

/// The store for the URLs that begin with a scheme and authority.
pub(super) fn store(
    base: &str,
    settings: &BTreeMap<String, String>,
) -> Result<Arc<dyn ObjectStore>, String> {
    let url = Url::parse(base).map_err(|error| error.to_string())?;
    let unknown = || "no object storage has URLs of this kind".to_owned();
    let (scheme, at) = ObjectStoreScheme::parse(&url).map_err(|_| unknown())?;
    if !at.as_ref().is_empty() {
        return Err(unknown());
    }
    // Other forms name the service and not only the place.
    if !["s3", "s3a", "gs", "az", "abfs", "abfss"].contains(&url.scheme()) {
        return Err(unknown());
    }
    match scheme {
        ObjectStoreScheme::AmazonS3 => s3(base, settings),
        ObjectStoreScheme::GoogleCloudStorage => google(base, settings),
        ObjectStoreScheme::MicrosoftAzure => azure(base, settings),
        _ => Err(unknown()),
    }
}

/// What fails is tried again for so long. A write about an archived range waits for it, and other writes behind that one.
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
const RETRY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);

/// The function that makes the store of a service, if the build has it.
macro_rules! service {
    ($name:ident, $feature:literal, $builder:path) => {
        #[cfg(feature = $feature)]
        fn $name(
            base: &str,
            settings: &BTreeMap<String, String>,
        ) -> Result<Arc<dyn ObjectStore>, String> {
            use object_store::RetryConfig;
            use $builder as Builder;
            let retry = RetryConfig { retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() };
            let builder = Builder::new().with_url(base).with_retry(retry);
            // Settings of other services are none of this one's.
            let builder =
                settings.iter().fold(builder, |builder, (name, value)| match name.parse() {
                    Ok(name) => builder.with_config(name, value),
                    Err(_) => builder,
                });
            Ok(Arc::new(builder.build().map_err(|error| error.to_string())?))
        }

        #[cfg(not(feature = $feature))]
        fn $name(_: &str, _: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>, String> {
            Err(concat!(
                "this build does without such storage: it takes the feature `",
                $feature,
                "`"
            )
            .to_owned())
        }
    };
}

service!(s3, "aws", object_store::aws::AmazonS3Builder);
service!(azure, "azure", object_store::azure::MicrosoftAzureBuilder);
service!(google, "gcp", object_store::gcp::GoogleCloudStorageBuilder);
