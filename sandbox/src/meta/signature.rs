//! `X-Hub-Signature-256`.

use crate::wire::hmac_sha256;

/// `sha256=` and 64 lower-case hexadecimal digits. The key is the secret's text as the dashboard shows it, not decoded; the message is
/// the body as it is sent.
pub(super) fn sign(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(hmac_sha256(secret, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with another implementation, over the 173 bytes below.
    #[test]
    fn the_signature_is_over_the_bytes_and_not_over_their_meaning() {
        let escaped = r#"{"object":"whatsapp_business_account","entry":[{"id":"0","changes":[{"value":{"messages":[{"text":{"body":"caf\u00e9 a\u0040b.co \/ \ud83d\udc4d"}}]},"field":"messages"}]}]}"#;
        assert_eq!(escaped.len(), 173);
        let secret = "salon-core-test-app-secret";
        let right = "sha256=f0bd6aac205b3e2318614cb2597fbc1e1b2b3503bf629458b475d8e0fd3a3f10";
        assert_eq!(sign(secret, escaped.as_bytes()), right);
        let plain = escaped.replace(r"\u00e9", "é").replace(r"\u0040", "@").replace(r"\/", "/").replace(r"\ud83d\udc4d", "👍");
        assert_eq!(plain.len(), 155);
        let wrong = "sha256=f407f23cc8607333b9fa65690d1c18ee1c58db8233d435036556cff60298896c";
        assert_eq!(sign(secret, plain.as_bytes()), wrong);
    }
}
