//! The proofs that several vendors share.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use secrecy::ExposeSecret;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{AccountSecrets, SignatureInvalid};

/// A header's value; none if it is missing or comes twice.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut given = headers.get_all(name).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    Some(value.as_bytes())
}

/// True if `given` is one of the account's secrets; compared in constant time with each of them. An empty secret opens nothing.
pub(super) fn is_a_secret(given: &[u8], secrets: &AccountSecrets) -> bool {
    let mut found = false;
    for secret in secrets.proofs() {
        let secret = secret.expose_secret().as_bytes();
        found |= bool::from(given.ct_eq(secret)) && !secret.is_empty();
    }
    found
}

/// A shared secret in a header of its own, exactly once (Telegram, MAX).
pub(super) fn shared_secret(headers: &HeaderMap, name: &str, secrets: &AccountSecrets) -> Result<(), SignatureInvalid> {
    let given = single(headers, name).ok_or(SignatureInvalid)?;
    if is_a_secret(given, secrets) { Ok(()) } else { Err(SignatureInvalid) }
}

const META_SIGNATURE: &str = "x-hub-signature-256";

/// Meta (WhatsApp, Instagram): `X-Hub-Signature-256: sha256=<64 lower-case hex>`, HMAC-SHA256 over the raw body as received, keyed with the
/// app secret as text. Meta signs the `\uXXXX`-escaped text it sends, so nothing that rewrites a body may come before this.
pub(super) fn meta_signature(headers: &HeaderMap, body: &[u8], secrets: &AccountSecrets) -> Result<(), SignatureInvalid> {
    let given = single(headers, META_SIGNATURE).and_then(|value| value.strip_prefix(b"sha256=")).ok_or(SignatureInvalid)?;
    let mut found = false;
    for secret in secrets.proofs() {
        let secret = secret.expose_secret().as_bytes();
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret) else { continue };
        let expected = hex::encode(mac.chain_update(body).finalize().into_bytes());
        found |= bool::from(given.ct_eq(expected.as_bytes())) && !secret.is_empty();
    }
    if found { Ok(()) } else { Err(SignatureInvalid) }
}

/// Meta's handshake: `GET ?hub.mode=subscribe&hub.challenge=…&hub.verify_token=…`, answered with the challenge as it is. The challenge is
/// opaque; what could be read as markup is not repeated (a reflected script was reported elsewhere).
pub(super) fn meta_handshake(query: &[(String, String)], secrets: &AccountSecrets) -> Result<String, SignatureInvalid> {
    let value = |name: &str| query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let token = secrets.handshake.as_ref().map(|token| token.expose_secret().as_bytes()).unwrap_or_default();
    let shown = value("hub.verify_token").unwrap_or_default().as_bytes();
    let known = bool::from(shown.ct_eq(token)) && !token.is_empty();
    let challenge = value("hub.challenge").unwrap_or_default();
    let opaque = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let harmless = (1..=256).contains(&challenge.len()) && challenge.chars().all(opaque);
    if known && harmless && value("hub.mode") == Some("subscribe") { Ok(challenge.to_owned()) } else { Err(SignatureInvalid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(now: &str, before: &str) -> AccountSecrets {
        let mut secrets = AccountSecrets::new("token".into(), now.into());
        secrets.also_valid = vec![before.into()];
        secrets.handshake = Some("verify-me".into());
        secrets
    }

    fn signed(signature: &str) -> HeaderMap {
        HeaderMap::from_iter([(META_SIGNATURE.parse().unwrap(), signature.parse().unwrap())])
    }

    /// A body of 173 bytes as Meta writes it, with the signature over exactly these bytes, and the one that results if it is parsed and
    /// written again as UTF-8.
    #[test]
    fn meta_signs_the_bytes_and_not_the_meaning() {
        let body = r#"{"object":"whatsapp_business_account","entry":[{"id":"0","changes":[{"value":{"messages":[{"text":{"body":"caf\u00e9 a\u0040b.co \/ \ud83d\udc4d"}}]},"field":"messages"}]}]}"#;
        assert_eq!(body.len(), 173);
        let right = signed("sha256=f0bd6aac205b3e2318614cb2597fbc1e1b2b3503bf629458b475d8e0fd3a3f10");
        let rewritten = signed("sha256=f407f23cc8607333b9fa65690d1c18ee1c58db8233d435036556cff60298896c");
        for secrets in [secrets("salon-core-test-app-secret", "x"), secrets("x", "salon-core-test-app-secret")] {
            assert_eq!(meta_signature(&right, body.as_bytes(), &secrets), Ok(()));
            assert_eq!(meta_signature(&rewritten, body.as_bytes(), &secrets), Err(SignatureInvalid));
        }
        assert_eq!(meta_signature(&right, body.as_bytes(), &secrets("another", "")), Err(SignatureInvalid));
        assert_eq!(meta_signature(&HeaderMap::new(), body.as_bytes(), &secrets("", "")), Err(SignatureInvalid));
    }

    #[test]
    fn meta_is_greeted_only_if_it_shows_our_token_and_a_harmless_challenge() {
        let secrets = secrets("s", "");
        let ask = |mode: &str, token: &str, challenge: &str| {
            let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let query = [pair("hub.mode", mode), pair("hub.challenge", challenge), pair("hub.verify_token", token)];
            meta_handshake(&query, &secrets)
        };
        assert_eq!(ask("subscribe", "verify-me", "1158201444").as_deref(), Ok("1158201444"));
        for (mode, token, challenge) in [
            ("unsubscribe", "verify-me", "1"),
            ("subscribe", "verify-mE", "1"),
            ("subscribe", "", "1"),
            ("subscribe", "verify-me", ""),
            ("subscribe", "verify-me", "<script>"),
            ("subscribe", "verify-me", &"1".repeat(257)),
        ] {
            assert_eq!(ask(mode, token, challenge), Err(SignatureInvalid), "{mode} {token} {challenge}");
        }
        assert_eq!(meta_handshake(&[], &secrets), Err(SignatureInvalid));
    }
}
