//! What a tenant file may refer to as a secret. Whoever writes one could send what it reads to an address of their own.

use super::*;

/// The file with its calendar's key replaced by a reference.
fn with_key(reference: &str) -> (tempfile::TempDir, String) {
    let text = roza()
        .replace("roza", "astra")
        .replace("4022", "4023")
        .replace("Kd83kfLq02mNsX5tZ", "Ld83kfLq02mNsX5tZ")
        .replace("7000000002:", "7000000004:")
        .replace("https://erxes.example.com/gateway", "http://127.0.0.1:9");
    let line = text.lines().find(|line| line.trim_start().starts_with("api_key:")).unwrap();
    let indent = &line[..line.len() - line.trim_start().len()];
    file(&text.replace(line, &format!("{indent}api_key: {reference}")))
}

#[tokio::test]
async fn secrets_of_the_service_itself_are_not_handed_out() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("keyring"), KEYRING).unwrap();
    std::fs::hard_link(path("keyring"), path("hard")).unwrap();
    std::os::unix::fs::symlink(path("keyring"), path("soft")).unwrap();
    std::fs::write(path("own"), "cal_live_of_the_salon\n").unwrap();
    assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    let apply = |reference: &str| {
        let (_folder, path_of_file) = with_key(reference);
        let mut command = command(&world, &["tenant", "apply", &path_of_file]);
        command.env_remove("SALON_KEYRING").env("SALON_KEYRING_FILE", path("keyring"));
        run(command)
    };
    let ours = "it is a setting of salon-core's own";
    for (reference, why) in [
        ("{ env: DATABASE_URL }".to_owned(), ours),
        ("{ env: REDIS_URL }".to_owned(), ours),
        ("{ env: SALON_KEYRING_FILE }".to_owned(), ours),
        (format!("{{ file: {} }}", path("keyring")), ours),
        (format!("{{ file: {} }}", path("hard")), ours),
        (format!("{{ file: {} }}", path("soft")), ours),
        (format!("{{ file: /proc/self/root{} }}", path("keyring")), ours),
        (format!("{{ file: {} }}", path("pipe")), "it is no regular file"),
        ("{ file: /dev/zero }".to_owned(), "it is no regular file"),
    ] {
        let ran = apply(&reference);
        assert!(ran.code != 0 && ran.err.contains("calcom.api_key") && ran.err.contains(why), "{reference}: {}", ran.err);
    }
    assert!(!salons(&world).await.contains(&"astra".to_owned()));
    let ran = apply(&format!("{{ file: {} }}", path("own")));
    assert_eq!(ran.code, 0, "{}", ran.err);
}
