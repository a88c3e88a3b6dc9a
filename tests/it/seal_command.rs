//! `gitopsc seal` and `gitopsc cert` as a user runs them, up to the SealedSecret in `out/`.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    program::{Repository, SMALL, Said},
    unseal,
};

const CERTIFICATE: &str = include_str!("../fixtures/sealing/test-only-2048.pem");
const OTHER: &str = include_str!("../fixtures/sealing/test-only-2048-other.pem");
const KEY: &str = include_str!("../fixtures/sealing/test-only-2048.key.pem");
const SPKI: &str = "sha256:e4539694e1c131798d8d2e63e90eec5e520a1a09c306cf681a2b473ca1878b86";

const PLAIN: &str = "correct horse battery staple";
const STORE: &str = "secrets/sealed/app/login.toml";

fn inventory() -> String {
    format!(
        "{SMALL}secrets = {{ login = {{ sealed = [\"username\", \"password\"] }} }}\n\n\
         [services.sealed-secrets]\nnamespace = \"kube-system\"\n\
         chart = {{ repo = \"https://bitnami-labs.github.io/sealed-secrets\", name = \"sealed-secrets\", version = \"2.16.2\" }}\n\n\
         [sealing]\ncert = \"certs/cluster.pem\"\nspki = \"{SPKI}\"\n"
    )
}

fn repository() -> Repository {
    Repository::new([("inventory.toml", inventory().as_str()), ("certs/cluster.pem", CERTIFICATE)])
}

fn seal(repository: &Repository, key: &str, value: &str) -> Said {
    repository.run_with(&["seal", "app", "login", key], value.as_bytes(), |_| {})
}

/// A repository with both values sealed and built.
fn built() -> Repository {
    let repository = repository();
    for (key, value) in [("username", "admin-of-app"), ("password", PLAIN)] {
        let said = seal(&repository, key, value);
        assert_eq!(said.exit, Some(0), "{}", said.stderr);
    }
    let said = repository.run(&["build"]);
    assert_eq!(said.exit, Some(0), "{}", said.stderr);
    repository
}

/// What the controller would make of a sealed value of `out/`.
fn opened(repository: &Repository, key: &str) -> Option<Vec<u8>> {
    let object: serde_yaml::Value =
        serde_yaml::from_str(&repository.read("out/apps/app/app/login.sealed.yaml")).unwrap();
    let sealed = object["spec"]["encryptedData"][key].as_str().unwrap();
    unseal::unseal(sealed, "app/login", &unseal::private_key(KEY))
}

#[test]
fn a_sealed_value_reaches_the_cluster_and_nothing_else() {
    let repository = repository();
    let said = repository.run(&["build"]);
    assert_eq!((said.exit, said.codes()), (Some(1), vec!["sealed-missing", "sealed-missing"]), "{}", said.stderr);

    let from_stdin = seal(&repository, "password", PLAIN);
    let expected = format!(
        "sealed `password` of Secret app/login (strict) with the certificate {SPKI}\nwrote {STORE}; `gitopsc build` puts it into out/\n"
    );
    assert_eq!(from_stdin, Said { stdout: String::new(), stderr: expected, exit: Some(0) });
    repository.put("name.txt", "admin-of-app");
    let from_file = repository.run(&["seal", "app", "login", "username", "--from-file", "name.txt"]);
    assert_eq!(from_file.exit, Some(0), "{}", from_file.stderr);
    fs::remove_file(repository.path("name.txt")).unwrap();

    let build = repository.run(&["build"]);
    assert_eq!((build.exit, build.codes()), (Some(0), Vec::new()), "{}", build.stderr);
    assert_eq!(opened(&repository, "password").as_deref(), Some(PLAIN.as_bytes()));
    assert_eq!(opened(&repository, "username").as_deref(), Some(b"admin-of-app".as_slice()));
    let before = repository.files();
    let check = repository.run(&["build", "--check"]);
    assert_eq!(check.exit, Some(0), "a build never seals anew: {}", check.stderr);

    let render = repository.run(&["render", "app"]);
    assert!(render.stdout.contains("kind: SealedSecret"));
    for said in [&from_stdin, &from_file, &build, &check, &render] {
        for plain in [PLAIN, "admin-of-app"] {
            assert!(!said.stdout.contains(plain) && !said.stderr.contains(plain), "{said:?}");
        }
    }
    for plain in [PLAIN.to_owned(), "admin-of-app".to_owned(), STANDARD.encode(PLAIN), STANDARD.encode("admin-of-app")]
    {
        for (path, bytes) in &before {
            let holds = bytes.windows(plain.len()).any(|part| part == plain.as_bytes());
            assert!(!holds, "{path} holds the value");
        }
    }
}

#[test]
fn values_keep_every_byte() {
    let repository = built();
    for value in ["\n", "null\n", "line\r\nline\n", "\u{feff}x", "$HOME {{ x }} ${Y}"] {
        let said = repository.run_with(
            &["seal", "app", "login", "password", "--allow-empty", "--allow-null"],
            value.as_bytes(),
            |_| {},
        );
        assert_eq!(said.exit, Some(0), "{value:?}: {}", said.stderr);
        assert_eq!(repository.run(&["build"]).exit, Some(0));
        assert_eq!(opened(&repository, "password").as_deref(), Some(value.as_bytes()), "{value:?}");
    }
    let bytes: Vec<u8> = (0..=255).collect();
    let said = repository.run_with(&["seal", "app", "login", "password"], &bytes, |_| {});
    assert_eq!(said.exit, Some(0), "{}", said.stderr);
    assert_eq!(repository.run(&["build"]).exit, Some(0));
    assert_eq!(opened(&repository, "password"), Some(bytes));
}

#[test]
fn an_empty_value_or_a_bare_null_is_refused_unless_told_otherwise() {
    let repository = repository();
    let before = repository.files();
    for (value, code, flag) in [
        ("", "value-empty", "--allow-empty"),
        ("null", "value-null", "--allow-null"),
        ("null\n", "value-null", "--allow-null"),
    ] {
        let said = seal(&repository, "password", value);
        assert_eq!((said.exit, said.codes()), (Some(1), vec![code]), "{value:?}");
        assert!(said.stderr.contains(flag), "{}", said.stderr);
        assert_eq!(repository.files(), before);
        let said = repository.run_with(&["seal", "app", "login", "username", flag], value.as_bytes(), |_| {});
        assert_eq!(said.exit, Some(0), "{}", said.stderr);
        fs::remove_dir_all(repository.path("secrets")).unwrap();
    }
    let said = repository.run(&["seal", "app", "login", "password", "--from-file", "missing.txt"]);
    assert_eq!(said.exit, Some(2));
    assert!(said.stderr.starts_with("error: there is no file `missing.txt`\n"), "{}", said.stderr);
}

#[test]
fn a_wrong_name_is_refused_with_the_right_one_before_the_value_is_read() {
    let repository = repository();
    let before = repository.files();
    for (arguments, message, help) in [
        (["ap", "login", "password"], "there is no service `ap`", "did you mean `app`?"),
        (["app", "logins", "password"], "[services.app] has no Secret `logins`", "did you mean `login`?"),
        (["app", "login", "pasword"], "Secret `login` has no sealed key `pasword`", "did you mean `password`?"),
    ] {
        let [service, secret, key] = arguments;
        let said = repository.run_with(&["seal", service, secret, key], PLAIN.as_bytes(), |_| {});
        assert_eq!((said.exit, said.stderr), (Some(2), format!("error: {message}\nhelp: {help}\n")));
        assert_eq!(repository.files(), before);
    }
    let said = repository.run_with(&["seal", "app", "tls", "key", PLAIN], b"", |_| {});
    assert_eq!(said.exit, Some(2), "a value is never taken from the command line");
}

#[test]
fn another_certificate_than_the_pinned_one_seals_nothing() {
    let repository = repository();
    repository.put("certs/cluster.pem", OTHER);
    let said = seal(&repository, "password", PLAIN);
    assert_eq!((said.exit, said.codes()), (Some(1), vec!["certificate-changed"]), "{}", said.stderr);
    assert!(!repository.path("secrets").exists());
    fs::remove_file(repository.path("certs/cluster.pem")).unwrap();
    let said = seal(&repository, "password", PLAIN);
    assert_eq!((said.exit, said.codes()), (Some(1), vec!["certificate-missing"]), "{}", said.stderr);
}

#[test]
fn an_expired_certificate_seals_nothing() {
    use clap::Parser as _;
    use gitopsc::{
        cli::{self, Arguments, Surroundings},
        world::MemWorld,
    };
    let world = MemWorld::new([("inventory.toml", inventory()), ("certs/cluster.pem", CERTIFICATE.to_owned())]);
    let arguments = Arguments::parse_from(["gitopsc", "seal", "app", "login", "password"]);
    let sealed_at = |now| {
        let stdin = || Ok(PLAIN.as_bytes().to_vec());
        let around = Surroundings { color: false, stdin: &stdin, stdin_is_terminal: false, now, variable: &|_| None };
        cli::run(&arguments, &world, &around)
    };
    let before = world.snapshot();
    let said = sealed_at(i64::MAX);
    assert_eq!(said.exit, 1);
    assert!(said.stderr.starts_with("error[certificate-expired]: "), "{}", said.stderr);
    assert_eq!(world.snapshot(), before);
    assert_eq!(sealed_at(1_800_000_000).exit, 0);
}

#[test]
fn a_build_refuses_values_that_would_not_open() {
    let repository = built();
    let out = || {
        let mut files = repository.files();
        files.retain(|path, _| path.starts_with("out/"));
        files
    };
    let before = out();
    let store = repository.read(STORE);

    // The namespace is part of what a strict value is sealed for.
    repository.replace("inventory.toml", "[services.app]\n", "[services.app]\nnamespace = \"apps\"\n");
    fs::create_dir(repository.path("secrets/sealed/apps")).unwrap();
    fs::rename(repository.path(STORE), repository.path("secrets/sealed/apps/login.toml")).unwrap();
    let said = repository.run(&["build"]);
    assert_eq!((said.exit, said.codes()), (Some(1), vec!["sealed-moved", "sealed-moved"]), "{}", said.stderr);
    repository.put("inventory.toml", inventory());
    fs::remove_dir_all(repository.path("secrets/sealed/apps")).unwrap();

    // Half of a value, as a bad merge leaves it.
    let longest = store.split('"').max_by_key(|part| part.len()).unwrap();
    repository.put(STORE, store.replacen(longest, &longest[..longest.len() / 2 / 4 * 4], 1));
    let said = repository.run(&["build"]);
    assert_eq!((said.exit, said.codes()), (Some(1), vec!["sealed-malformed"]), "{}", said.stderr);

    // Sealed for the cluster before this one.
    repository.put(STORE, &store);
    repository.put("certs/cluster.pem", OTHER);
    assert_eq!(repository.run(&["cert", "pin"]).exit, Some(0));
    let said = repository.run(&["build"]);
    assert_eq!(
        (said.exit, said.codes()),
        (Some(1), vec!["sealed-certificate", "sealed-certificate"]),
        "{}",
        said.stderr
    );

    // A damaged store is not written over: what is left of it would be lost.
    repository.put("certs/cluster.pem", CERTIFICATE);
    repository.put("inventory.toml", inventory());
    repository.put(STORE, "this is not TOML");
    let said = seal(&repository, "password", PLAIN);
    assert_eq!(said.exit, Some(2));
    assert!(said.stderr.starts_with(&format!("error: `{STORE}` is damaged, ")), "{}", said.stderr);
    assert_eq!(repository.read(STORE), "this is not TOML");
    assert_eq!(out(), before);
}

#[test]
fn a_pin_changes_the_digest_and_no_other_byte() {
    let written = "# kept\n[sealing]   # kept too\n  cert = 'certs/cluster.pem'   # single quotes\n\n";
    for (sealing, pinned) in [
        (written.to_owned(), format!("{}  spki = \"{SPKI}\"\n\n", written.strip_suffix('\n').unwrap())),
        (
            "[sealing]\nspki =   \"sha256:00\"   # old\ncert = \"certs/cluster.pem\"\n".to_owned(),
            format!("[sealing]\nspki =   \"{SPKI}\"   # old\ncert = \"certs/cluster.pem\"\n"),
        ),
        (
            "sealing.cert = \"certs/cluster.pem\"\n".to_owned(),
            format!("sealing.cert = \"certs/cluster.pem\"\nsealing.spki = \"{SPKI}\"\n"),
        ),
        (
            "sealing = { cert = \"certs/cluster.pem\" }\n".to_owned(),
            format!("sealing = {{ cert = \"certs/cluster.pem\", spki = \"{SPKI}\" }}\n"),
        ),
    ] {
        for ends in ["\n", "\r\n"] {
            let text = |sealing: &str| {
                // Keys without a header stand before all tables.
                let odd = "# odd   spacing\nschema   =   1\nvars.a = [ 1,2,\n  3 ]   # list\n";
                let rest = SMALL.strip_prefix("schema = 1\n").unwrap();
                let text = if sealing.starts_with("sealing") {
                    format!("{odd}{sealing}{rest}# end")
                } else {
                    format!("{odd}{rest}{sealing}# end")
                };
                text.replace('\n', ends)
            };
            let repository =
                Repository::new([("inventory.toml", text(&sealing).as_str()), ("certs/cluster.pem", CERTIFICATE)]);
            let said = repository.run(&["cert", "pin"]);
            assert_eq!(said.exit, Some(0), "{}", said.stderr);
            assert!(said.stderr.starts_with(&format!("pinned {SPKI} in inventory.toml\n")), "{}", said.stderr);
            assert_eq!(repository.read("inventory.toml"), text(&pinned));
            let said = repository.run(&["cert", "pin"]);
            assert_eq!((said.exit, said.stderr), (Some(0), format!("{SPKI} is pinned already\n")));
            assert_eq!(repository.read("inventory.toml"), text(&pinned));
        }
    }
}

#[test]
fn the_certificate_is_shown_as_openssl_would() {
    let repository = repository();
    let said = repository.run(&["cert", "show"]);
    let expected = format!(
        "file        certs/cluster.pem\nsubject     CN=gitopsc test only\nserial      10:02\nkey         RSA 2048 bits\n\
         valid from  2026-11-21T11:56:51Z\nvalid to    2126-10-28T11:56:51Z\nspki        {SPKI}\npinned      yes\n"
    );
    assert_eq!((said.exit, said.stdout, said.stderr), (Some(0), expected, String::new()));
    repository.put("certs/cluster.pem", OTHER);
    let said = repository.run(&["cert", "show"]);
    assert!(said.stdout.ends_with("pinned      no, the inventory pins another key\n"), "{}", said.stdout);
    repository.put("certs/cluster.pem", KEY);
    let said = repository.run(&["cert", "show"]);
    assert_eq!((said.exit, said.stdout.as_str()), (Some(1), ""));
    let inside = KEY.lines().nth(3).unwrap();
    assert!(!said.stderr.contains(inside), "a private key is not shown");
}
