//! An authority that is trusted for one vendor's calls is trusted for nobody else's.

use std::{sync::Arc, time::Duration};

use http::Method;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::{Http, HttpError, Request, Roots, stub::http};

const AUTHORITY: &str = include_str!("fixtures/ca.pem");
const CERTIFICATE: &str = include_str!("fixtures/server.pem");
const KEY: &str = include_str!("fixtures/server.key.pem");

/// A vendor whose certificate no public authority has signed.
async fn vendor() -> Url {
    let certificates = vec![CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok() {
                let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer).await.unwrap();
                stream.shutdown().await.ok();
            }
        }
    });
    url
}

async fn status(http: &Http, request: Request) -> Result<u16, HttpError> {
    http.send(request).await.map(|reply| reply.status)
}

#[tokio::test]
async fn an_authority_of_ones_own_counts_for_ones_own_calls() {
    let ordinary = http();
    let url = vendor().await;
    let ask = || Request::new(Method::GET, url.clone(), Duration::from_secs(5));
    let trusting = ordinary.clone().trusting("max", &Roots::from_pem(AUTHORITY).unwrap()).unwrap();
    assert_eq!(status(&trusting, ask().own_roots("max")).await, Ok(200));
    assert_eq!(status(&trusting, ask().own_roots("vk")).await, Err(HttpError::NotTrusted));
    assert_eq!(status(&trusting, ask()).await, Err(HttpError::NotTrusted));
    assert_eq!(status(&ordinary, ask().own_roots("max")).await, Err(HttpError::NotTrusted));
}

#[tokio::test]
async fn a_name_that_leads_into_our_network_is_refused_and_not_away() {
    let http = Http::new(super::AddressGuard { allow_private: false }).unwrap();
    let ask = |host: &str| Request::new(Method::GET, format!("https://{host}/").parse().unwrap(), Duration::from_secs(5));
    assert!(matches!(status(&http, ask("localhost")).await, Err(HttpError::Refused(_))));
    assert!(matches!(status(&http, ask("127.0.0.1")).await, Err(HttpError::Refused(_))));
}

#[test]
fn roots_are_certificates() {
    for text in ["", "nothing", KEY] {
        assert!(Roots::from_pem(text).is_none());
    }
    assert!(Roots::from_pem(&format!("Issuer: somebody\n{AUTHORITY}\n{CERTIFICATE}")).is_some());
}
