//! The parameters of a call: VK reads a query and forms, and nothing else.

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    http::{HeaderMap, header},
};

/// VK: more than 2 KB are to be sent as multipart/form-data. It takes them in the other form too.
const LARGE: usize = 2 * 1024;

/// What a request says.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// By name; the body goes before the query.
    pub(super) parameters: BTreeMap<String, String>,
    /// What is wrong with the body: one that VK does not read, or one that should have another form.
    pub(super) wrong: Option<String>,
}

impl Form {
    /// Reads a request.
    pub(super) async fn read(query: &str, headers: &HeaderMap, body: Bytes) -> Self {
        let pairs = |text: &[u8]| url::form_urlencoded::parse(text).into_owned().collect::<Vec<_>>();
        let mut form = Self { parameters: pairs(query.as_bytes()).into_iter().collect(), wrong: None };
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            _ if body.is_empty() => {}
            "application/x-www-form-urlencoded" => {
                if body.len() > LARGE {
                    form.wrong = Some("more than 2 KB go as multipart/form-data".to_owned());
                }
                form.parameters.extend(pairs(&body));
            }
            "multipart/form-data" => match multipart(kind, body).await {
                Ok(fields) => form.parameters.extend(fields),
                Err(_) => form.wrong = Some("the multipart body is broken".to_owned()),
            },
            // VK: JSON bodies are not supported. The call goes on as if there were no body.
            other => form.wrong = Some(format!("VK does not read a body of type \"{other}\"")),
        }
        form
    }
}

async fn multipart(kind: &str, body: Bytes) -> Result<Vec<(String, String)>, multer::Error> {
    let boundary = multer::parse_boundary(kind)?;
    let stream = futures::stream::once(async move { Ok::<_, std::convert::Infallible>(body) });
    let mut parts = multer::Multipart::new(stream, boundary);
    let mut fields = Vec::new();
    while let Some(field) = parts.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        fields.push((name, field.text().await?));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(query: &str, kind: &str, body: &'static str) -> Form {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]);
        Form::read(query, &headers, Bytes::from_static(body.as_bytes())).await
    }

    #[tokio::test]
    async fn forms_of_both_kinds_and_the_query_are_one() {
        let form = read("v=5.1&a=1", "application/x-www-form-urlencoded; charset=utf-8", "v=5.199&message=a%20b").await;
        assert_eq!(
            form.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            ["a=1", "message=a b", "v=5.199"]
        );
        let body = "--x\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\nПривет\r\n--x--\r\n";
        let form = read("", "multipart/form-data; boundary=x", body).await;
        assert_eq!((form.parameters["message"].as_str(), form.wrong), ("Привет", None));
    }

    #[tokio::test]
    async fn json_and_broken_bodies_are_not_read() {
        let form = read("v=5.199", "application/json", r#"{"message": "a"}"#).await;
        assert_eq!(
            (form.parameters.len(), form.wrong.as_deref()),
            (1, Some("VK does not read a body of type \"application/json\""))
        );
        assert!(read("", "multipart/form-data; boundary=x", "--y--").await.wrong.is_some());
        assert!(read("", "multipart/form-data", "--y--").await.wrong.is_some());
    }
}
