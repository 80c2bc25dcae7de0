//! The one HTTP client. Adapters build a [`Request`] and read a [`Reply`]; time-outs, size limits, the address guard and the silence
//! of the logs are here.

use std::{collections::HashMap, error::Error as _, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Serialize;
use url::Url;

use super::{AddressGuard, guard::Inner};
use crate::crypto::sha256;

/// Larger answers than this are cut off: no vendor of ours sends more.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// A call that got no usable answer. Without the address: it may carry a token (Telegram puts it in the path).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The address guard refused, and nothing was sent.
    #[error("address refused: {0}")]
    Refused(&'static str),
    /// No connection: nothing was sent.
    #[error("the vendor could not be reached")]
    NotSent,
    /// The vendor's certificate is signed by nobody who is trusted here: nothing was sent.
    #[error("the vendor's certificate is not trusted")]
    NotTrusted,
    /// The request was written, at least in part, and no complete answer came.
    #[error("the vendor did not answer")]
    NoAnswer,
    /// The answer was larger than any vendor's.
    #[error("the vendor's answer is too large")]
    AnswerTooLarge,
}

/// A call to a vendor.
#[derive(Clone)]
pub struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    timeout: Duration,
    roots: Option<&'static str>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({} {})", self.method, self.url.host_str().unwrap_or("?"))
    }
}

impl Request {
    /// A request without a body, to be answered within `timeout`.
    pub fn new(method: Method, url: Url, timeout: Duration) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: None, timeout, roots: None }
    }

    /// A POST with a JSON body.
    pub fn post_json(url: Url, body: &impl Serialize, timeout: Duration) -> Self {
        Self::new(Method::POST, url, timeout).json(body)
    }

    /// A POST with a form that is encoded already (`application/x-www-form-urlencoded`).
    pub fn post_form(url: Url, encoded: String, timeout: Duration) -> Self {
        let mut request = Self::new(Method::POST, url, timeout);
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        request.body = Some(encoded.into_bytes());
        request
    }

    /// A POST with a form of texts in parts (`multipart/form-data`, RFC 7578). The same fields make the same bytes. Names are ours: they need
    /// no quoting.
    pub fn post_multipart(url: Url, fields: &[(&str, String)], timeout: Duration) -> Self {
        // A digest of all that is sent can't stand in any of it.
        let all: Vec<u8> =
            fields.iter().flat_map(|(name, value)| [name.as_bytes(), &[0], value.as_bytes(), &[0]].concat()).collect();
        let boundary = hex::encode(sha256(&all));
        let mut body = String::new();
        for (name, value) in fields {
            body.push_str(&format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
        }
        body.push_str(&format!("--{boundary}--\r\n"));
        let mut request = Self::new(Method::POST, url, timeout)
            .header(header::CONTENT_TYPE, &format!("multipart/form-data; boundary={boundary}"));
        request.body = Some(body.into_bytes());
        request
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        // Our own wire types hold nothing that JSON can't: no maps with odd keys, no failing serializers.
        self.body = serde_json::to_vec(body).ok();
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// Also trusts the certificate authorities that [`Http::trusting`] was given under this name, if it was given any.
    #[must_use]
    pub const fn own_roots(mut self, vendor: &'static str) -> Self {
        self.roots = Some(vendor);
        self
    }

    /// Adds a header that is no secret. A value that HTTP forbids is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds a header that holds a credential: marked so that nothing prints it.
    #[must_use]
    pub fn secret_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }
}

/// A vendor's complete answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body bytes.
    pub body: Vec<u8>,
}

impl Reply {
    /// True for 200 to 299.
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The body as JSON, if it is.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// A header that holds a whole number of seconds.
    pub fn seconds_header(&self, name: &str) -> Option<Duration> {
        self.headers.get(name)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
    }
}

/// Certificate authorities beside the public ones.
#[derive(Debug, Clone)]
pub struct Roots(Vec<reqwest::Certificate>);

impl Roots {
    /// The certificates of a PEM file; none if there is none in it.
    pub fn from_pem(text: &str) -> Option<Self> {
        reqwest::Certificate::from_pem_bundle(text.as_bytes()).ok().filter(|found| !found.is_empty()).map(Self)
    }
}

/// The client behind every adapter.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    /// For vendors whose certificates come from an authority that nobody else's calls should trust.
    own: HashMap<&'static str, reqwest::Client>,
    guard: AddressGuard,
}

impl Http {
    /// A client that calls only what `guard` permits and follows no redirect.
    ///
    /// # Errors
    /// When the TLS roots can't be loaded.
    pub fn new(guard: AddressGuard) -> Result<Self, reqwest::Error> {
        Ok(Self { client: client(guard, None)?, own: HashMap::new(), guard })
    }

    /// Trusts `roots` as well, for the requests that name `vendor` and for no others.
    ///
    /// # Errors
    /// When one of them is no certificate.
    pub fn trusting(mut self, vendor: &'static str, roots: &Roots) -> Result<Self, reqwest::Error> {
        self.own.insert(vendor, client(self.guard, Some(roots))?);
        Ok(self)
    }

    /// Calls a vendor once. No retry here: whether a call may be repeated is the caller's knowledge.
    ///
    /// # Errors
    /// See [`HttpError`]; an answer of any status is a [`Reply`].
    pub async fn send(&self, request: Request) -> Result<Reply, HttpError> {
        if let Some(reason) = self.guard.refuses(&request.url) {
            return Err(HttpError::Refused(reason));
        }
        let client = request.roots.and_then(|vendor| self.own.get(vendor)).unwrap_or(&self.client);
        let mut call = client.request(request.method, request.url).headers(request.headers).timeout(request.timeout);
        if let Some(body) = request.body {
            call = call.body(body);
        }
        let mut response = call.send().await.map_err(|error| no_answer(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| HttpError::NoAnswer)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(HttpError::AnswerTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body })
    }
}

fn no_answer(error: &reqwest::Error) -> HttpError {
    if !error.is_connect() {
        return HttpError::NoAnswer;
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return HttpError::NotTrusted;
        }
        if error.is::<Inner>() {
            return HttpError::Refused("its name leads into a private network");
        }
        // An I/O error gives the source of what it wraps, and not what it wraps.
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    HttpError::NotSent
}

#[allow(clippy::disallowed_methods, reason = "this is the one place that makes a client")]
fn client(guard: AddressGuard, roots: Option<&Roots>) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("salon-core/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .pool_idle_timeout(Duration::from_secs(30))
        .dns_resolver(std::sync::Arc::new(guard))
        .no_proxy()
        .tls_certs_merge(roots.iter().flat_map(|roots| roots.0.iter().cloned()))
        .build()
}
